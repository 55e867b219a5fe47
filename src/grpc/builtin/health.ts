/**
 * gRPC's health service (grpc/health/v1/health.proto): whether the server, a service or a model serves requests.
 *
 * @module
 */
import { joinParts } from "../../base/bytes.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { MessageSink, Method, ServerCall } from "../call.ts";
import { WireFields } from "../../protobuf/wire_fields.ts";
import { WireWriter } from "../../protobuf/wire_writer.ts";

/** `HealthCheckResponse.ServingStatus`. */
const STATUS = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

type Status = (typeof STATUS)[keyof typeof STATUS];

/** What the health service reports on. */
export interface HealthSource {
  /**
   * Whether a service, a model or, for the empty name, the server as a whole serves requests.
   *
   * @returns undefined if nothing has that name.
   */
  isServing(service: string): boolean | undefined;
  /** All names that {@link isServing} knows. */
  services(): readonly string[];
  /** Calls a listener after each possible change, until the returned function is called. */
  watch(listener: () => void): () => void;
}

/** The methods that report readiness. */
export function healthMethods(readiness: HealthSource): readonly Method[] {
  return [
    { path: "/grpc.health.v1.Health/Check", handle: (message, call) => call.reply([check(readiness, message)]) },
    { path: "/grpc.health.v1.Health/List", handle: (_, call) => call.reply([list(readiness)]) },
    { path: "/grpc.health.v1.Health/Watch", open: (call) => new Watch(call, readiness) },
  ];
}

function check(readiness: HealthSource, message: Uint8Array): Uint8Array {
  const service = serviceOf(message);
  const status = statusOf(readiness, service);
  if (status === STATUS.SERVICE_UNKNOWN) throw new ServingError(CODE.NOT_FOUND, `Service ${service} is not known`);
  return encodeStatus(status);
}

function list(readiness: HealthSource): Uint8Array {
  const writer = new WireWriter();
  writer.begin();
  for (const service of readiness.services()) {
    writer.writeMessageField(1, () => {
      writer.writeMessageField(2, () => writer.writeBytes(encodeStatus(statusOf(readiness, service))));
      writer.writeTextField(1, service);
    });
  }
  return joinParts(writer.finish());
}

/** Sends the status at once and at each change, until the call is over. */
class Watch implements MessageSink {
  readonly #call: ServerCall;
  readonly #readiness: HealthSource;
  #service: string | undefined;
  #sent: Status | undefined;

  constructor(call: ServerCall, readiness: HealthSource) {
    this.#call = call;
    this.#readiness = readiness;
  }

  onMessage(message: Uint8Array): void {
    if (this.#service !== undefined) {
      throw new ServingError(CODE.UNIMPLEMENTED, "Watch takes one message, the client sent more");
    }
    this.#service = serviceOf(message);
    const stop = this.#readiness.watch(() => this.#send());
    this.#call.signal.addEventListener("abort", stop, { once: true });
    this.#send();
  }

  onEnd(): void {
    if (this.#service === undefined) {
      throw new ServingError(CODE.INVALID_ARGUMENT, "The client ended the call without a message");
    }
  }

  #send(): void {
    const status = statusOf(this.#readiness, this.#service ?? "");
    if (status === this.#sent) return;
    this.#sent = status;
    this.#call.send([encodeStatus(status)]);
  }
}

function serviceOf(message: Uint8Array): string {
  return new WireFields(message).text(1);
}

function statusOf(readiness: HealthSource, service: string): Status {
  const isServing = readiness.isServing(service);
  if (isServing === undefined) return STATUS.SERVICE_UNKNOWN;
  return isServing ? STATUS.SERVING : STATUS.NOT_SERVING;
}

/** A HealthCheckResponse. */
function encodeStatus(status: Status): Uint8Array {
  return Uint8Array.of(1 << 3, status);
}
