import { Buffer } from "node:buffer";
import { freePort } from "./free_port.ts";

/** A certificate for 127.0.0.1, one for its clients, the authority that signed both, and a port for it. */
export class TlsFiles implements AsyncDisposable {
  /** A port on which nobody listens. */
  readonly port = freePort();
  /** Path of the authority's certificate (PEM). */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.authority = `${folder}/ca.pem`;
    this.certificate = `${folder}/certificate.pem`;
    this.key = `${folder}/key.pem`;
    this.clientCertificate = `${folder}/client.pem`;
    this.clientKey = `${folder}/client.key.pem`;
  }

  /** Makes them in a temporary folder. */
  static async make(): Promise<TlsFiles> {
    const files = new TlsFiles(await Deno.makeTempDir({ prefix: "hb-tls-" }));
    const caKey = `${files.#folder}/ca.key.pem`;
    await openssl(`-subj /CN=hb-test-ca -keyout ${caKey} -out ${files.authority}`);
    const signed = `-addext basicConstraints=CA:FALSE -CA ${files.authority} -CAkey ${caKey}`;
    await openssl(
      `-subj /CN=hb-test -addext subjectAltName=IP:127.0.0.1 ${signed} -keyout ${files.key} -out ${files.certificate}`,
    );
    await openssl(`-subj /CN=hb-client ${signed} -keyout ${files.clientKey} -out ${files.clientCertificate}`);
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function openssl(request: string): Promise<void> {
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ${request}`.split(" ");
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(`openssl: ${Buffer.from(stderr)}`);
}
