/**
 * Asks a server whether it is ready.
 *
 * @module
 */
import { ServingError } from "../base/status.ts";
import { addressOf, askUnary, type Peer } from "./grpc_client.ts";

/** `HealthCheckRequest {}`: the server as a whole. */
const EMPTY_MESSAGE = new Uint8Array();
/** `HealthCheckResponse { status: SERVING }`. */
const SERVING_MESSAGE = new Uint8Array([0x08, 1]);

/**
 * Calls `grpc.health.v1.Health/Check`.
 *
 * @throws {Error} with a sentence unless the server is ready.
 */
export async function checkHealth(peer: Peer): Promise<void> {
  const notReady = `The server at ${addressOf(peer)} is not ready`;
  const answer = await askUnary(peer, { path: "/grpc.health.v1.Health/Check", message: EMPTY_MESSAGE })
    .catch((error) => {
      throw error instanceof ServingError ? new Error(`${notReady}: ${error.message}`, { cause: error }) : error;
    });
  if (answer.toString() !== SERVING_MESSAGE.toString()) throw new Error(notReady);
}
