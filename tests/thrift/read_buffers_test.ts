import assert from "node:assert/strict";
import { READ_BUFFER_BYTES } from "../../src/thrift/limits.ts";
import { ReadBuffers } from "../../src/thrift/read_buffers.ts";

Deno.test("ReadBuffers gives a buffer to one at a time, and again when it was given back", () => {
  const buffers = new ReadBuffers();
  const [first, second] = [buffers.take(), buffers.take()];
  assert.notEqual(first, second);
  buffers.give(first);
  assert.equal(buffers.take(), first);
  assert.notEqual(buffers.take(), first);
});

Deno.test("ReadBuffers keeps no large buffers, and no more small ones than a burst leaves", () => {
  const buffers = new ReadBuffers();
  const large = new Uint8Array(4 * READ_BUFFER_BYTES);
  buffers.give(large);
  assert.equal(buffers.take().length, READ_BUFFER_BYTES);
  const many = Array.from({ length: 1_000 }, () => buffers.take());
  many.forEach((buffer) => buffers.give(buffer));
  const again = new Set(many.map(() => buffers.take()));
  assert.equal(again.size, many.length);
  assert.equal(many.filter((buffer) => again.has(buffer)).length, 256);
});

Deno.test("ReadBuffers puts a small buffer in the place of a large one", () => {
  const buffers = new ReadBuffers();
  const small = buffers.take();
  assert.equal(buffers.small(small), small);
  assert.equal(buffers.small(new Uint8Array(4 * READ_BUFFER_BYTES)).length, READ_BUFFER_BYTES);
});
