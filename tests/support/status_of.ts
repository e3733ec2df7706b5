/** Asks and gives the status alone; a body that nobody reads would keep its connection busy. */
export async function statusOf(url: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(url, init);
  await answer.body?.cancel();
  return answer.status;
}
