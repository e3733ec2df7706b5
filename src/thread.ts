/** What a thread brings to who started it. */
export interface ThreadListener<Message> {
  /** Its messages. */
  readonly told: (message: Message) => void;
  /** It ended by a fault of its own, or what it said could not be read; may be called more than once. */
  readonly crashed: (fault: string) => void;
}

/**
 * Starts a thread, whose faults do not end the process.
 * @param name how runtime and system call it
 */
export function startThread<Message>(script: URL, { told, crashed }: ThreadListener<Message>, name = ""): Worker {
  const worker = new Worker(script, { type: "module", name });
  worker.onmessage = ({ data }: MessageEvent<Message>) => told(data);
  worker.onerror = (event) => {
    event.preventDefault();
    crashed(event.message);
  };
  worker.onmessageerror = () => crashed("a message could not be read");
  return worker;
}
