"""grpcio's synchronous interface. `sync_client.py TARGET ROOTS CHECK...`, see ../clients.ts."""

import time

import grpc
import interop
from interop import BytesValue, StringValue, expect, pattern, services


class Checks:
    def __init__(self, open_channel):
        self.open_channel = open_channel
        self.channel = open_channel()
        self.stub = services.InteropStub(self.channel)

    def expect_echo(self, length, **options):
        reply = self.stub.Echo(BytesValue(value=pattern(length)), **options)
        expect(reply.value == pattern(length), f"{length} bytes came back changed")

    def expect_error(self, code, details, call):
        try:
            call()
        except grpc.RpcError as error:
            interop.expect_status(error, code, details)
        else:
            raise AssertionError(f"no error, expected {code}")

    def small_messages(self):
        for length in interop.SMALL:
            self.expect_echo(length)

    def large_messages(self):
        self.expect_echo(interop.LARGE)

    def many_calls(self):
        for i in range(1000):
            self.expect_echo(i)

    def calls_at_once(self):
        messages = [pattern(i * 997) for i in range(100)]
        futures = [self.stub.Echo.future(BytesValue(value=message)) for message in messages]
        for future, message in zip(futures, messages):
            expect(future.result().value == message, "a reply is not that of its call")

    def deadline(self):
        wait_for_ever = lambda: self.stub.Wait(StringValue(value="deadline"), timeout=0.2)
        self.expect_error(grpc.StatusCode.DEADLINE_EXCEEDED, None, wait_for_ever)
        interop.expect_given_up(self.stub.Cancelled(StringValue(value="deadline")))

    def cancellation(self):
        future = self.stub.Wait.future(StringValue(value="cancellation"))
        self.stub.Arrived(StringValue(value="cancellation"))
        future.cancel()
        expect(future.code() == grpc.StatusCode.CANCELLED, f"code {future.code()}")
        interop.expect_cancelled(self.stub.Cancelled(StringValue(value="cancellation")))

    def gzip(self):
        gzip = {"compression": grpc.Compression.Gzip}
        interop.expect_gzip(self.stub.Describe(BytesValue(value=bytes(10_000)), **gzip))
        self.expect_echo(1 << 20, **gzip)

    def metadata(self):
        interop.expect_metadata(self.stub.Describe(BytesValue(), metadata=interop.METADATA))

    def errors(self):
        for code, text in interop.failures():
            self.expect_error(code, interop.SENTENCE, lambda: self.stub.Fail(StringValue(value=text)))
        unknown = self.channel.unary_unary("/ovserve.interop.Interop/Unknown")
        self.expect_error(grpc.StatusCode.UNIMPLEMENTED, None, lambda: unknown(b""))
        too_large = BytesValue(value=bytes(interop.TOO_LARGE))
        self.expect_error(grpc.StatusCode.RESOURCE_EXHAUSTED, None, lambda: self.stub.Echo(too_large))
        self.expect_echo(1)

    def keepalive(self):
        with self.open_channel(interop.KEEPALIVE) as channel:
            stub = services.InteropStub(channel)
            future = stub.Wait.future(StringValue(value="keepalive"))
            stub.Arrived(StringValue(value="keepalive"))
            time.sleep(interop.KEEPALIVE_SECONDS)
            self.stub.Release(StringValue(value="keepalive"))
            future.result()

    def restart(self):
        running = self.stub.Wait.future(StringValue(value="restart 100000"))
        self.stub.Arrived(StringValue(value="restart"))
        self.stub.Restart(BytesValue())
        for i in range(100):
            self.expect_echo(i)
        self.stub.Release(StringValue(value="restart"))
        expect(len(running.result().value) == 100_000, "the running call's reply is cut short")

    def flood(self):
        for future in [self.stub.Wait.future(StringValue(value=text)) for text in interop.flood()]:
            future.result()


def open_channel(options=()):
    options = interop.OPTIONS + list(options)
    if interop.roots == "-":
        return grpc.insecure_channel(interop.target, options)
    credentials = grpc.ssl_channel_credentials(open(interop.roots, "rb").read())
    return grpc.secure_channel(interop.target, credentials, options)


checks = Checks(open_channel)
for name in interop.checks:
    try:
        getattr(checks, name)()
        interop.report(name)
    except Exception as error:
        interop.report(name, error)
