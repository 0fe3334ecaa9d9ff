/** The listeners for lines that the settings ask for: TCP, a unix socket, UDP. */
import { readFileSync } from "node:fs";
import type { Configuration } from "./config.ts";
import { type Address, formatAddress } from "./config_values.ts";
import type { Pipeline } from "./ingest/pipeline.ts";
import { type ListenerParts, StreamListener } from "./listeners.ts";
import { cannotListen, messageOf, StartError } from "./start_error.ts";
import type { DatagramListener } from "./udp_listener.ts";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export class LineListeners {
  readonly #streams: StreamListener[] = [];
  #datagrams: DatagramListener | undefined;

  /** Opens the ports. Rejects with a StartError; what was open by then is to be closed. */
  async open({ values }: Configuration, parts: ListenerParts): Promise<void> {
    const stream = {
      precision: values["tcp-precision"],
      database: values["tcp-database"],
      connectionsMax: values["tcp-connections-max"],
      idleTimeoutMs: values["tcp-idle-timeout"],
      disconnectOnError: values["tcp-disconnect-on-error"],
    };
    const tls = values["tcp-tls"] ? readTls(values) : undefined;
    const open = async (at: Address | string, secure: boolean) => {
      const options = secure ? { ...stream, tls } : stream;
      const listener = await StreamListener.open(parts, options, at).catch((error) => {
        throw cannotListen(typeof at === "string" ? at : formatAddress(at), error);
      });
      this.#streams.push(listener);
    };
    if (values["tcp-listen"] !== undefined) await open(values["tcp-listen"], true);
    if (values["tcp-socket"] !== "") await open(values["tcp-socket"], false);
    const udp = values["udp-listen"];
    if (udp === undefined) return;
    const options = {
      precision: values["udp-precision"],
      database: values["udp-database"],
      receiveBufferBytes: values["udp-receive-buffer"],
    };
    // Loaded only where it is used: datagram sockets cost megabytes of resident memory.
    const { DatagramListener } = await import("./udp_listener.ts");
    this.#datagrams = await DatagramListener.open(parts, options, udp).catch((error) => {
      throw cannotListen(`${formatAddress(udp)} (UDP)`, error);
    });
  }

  /** Begins to store what comes. */
  begin(pipeline: Pipeline): void {
    for (const each of [...this.#streams, this.#datagrams]) each?.begin(pipeline);
  }

  /** Where they listen, for the log. */
  describe(): Record<string, string> {
    const fields: Record<string, string> = {};
    if (this.#streams.length > 0) {
      fields["lines"] = this.#streams.map((each) => each.describe()).join(",");
    }
    if (this.#datagrams !== undefined) fields["udp"] = this.#datagrams.describe();
    return fields;
  }

  async close(): Promise<void> {
    await Promise.all(this.#streams.map((each) => each.close()));
    await this.#datagrams?.close();
  }
}

/** The files of the settings; undefined where they name none. */
export function readTls(values: Configuration["values"]): TlsFiles | undefined {
  if (values["tls-cert"] === "") return undefined;
  try {
    return {
      cert: readFileSync(values["tls-cert"], "utf8"),
      key: readFileSync(values["tls-key"], "utf8"),
    };
  } catch (error) {
    throw new StartError(`Cannot read the TLS files: ${messageOf(error)}`);
  }
}
