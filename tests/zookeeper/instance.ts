/** An instance in a process of its own, for tests that stop and kill it: connect string, session timeout in ms. */
import { TestRegistrar } from "./harness.ts";

const [connectString, sessionTimeoutMs] = Deno.args;
new TestRegistrar({ connectString: connectString!, sessionTimeoutMs: Number(sessionTimeoutMs) }).start();
