"""grpcio's asyncio interface. `aio_client.py TARGET ROOTS CHECK...`, see ../clients.ts."""

import asyncio

import grpc
import interop
from interop import BytesValue, StringValue, expect, pattern, services


class Checks:
    def __init__(self, open_channel):
        self.open_channel = open_channel
        self.channel = open_channel()
        self.stub = services.InteropStub(self.channel)

    async def expect_echo(self, length, **options):
        reply = await self.stub.Echo(BytesValue(value=pattern(length)), **options)
        expect(reply.value == pattern(length), f"{length} bytes came back changed")

    async def expect_error(self, code, details, call):
        try:
            await call
        except grpc.RpcError as error:
            interop.expect_status(error, code, details)
        else:
            raise AssertionError(f"no error, expected {code}")

    async def small_messages(self):
        for length in interop.SMALL:
            await self.expect_echo(length)

    async def large_messages(self):
        await self.expect_echo(interop.LARGE)

    async def many_calls(self):
        for i in range(1000):
            await self.expect_echo(i)

    async def calls_at_once(self):
        await asyncio.gather(*(self.expect_echo(i * 997) for i in range(100)))

    async def deadline(self):
        call = self.stub.Wait(StringValue(value="deadline"), timeout=0.2)
        await self.expect_error(grpc.StatusCode.DEADLINE_EXCEEDED, None, call)
        interop.expect_given_up(await self.stub.Cancelled(StringValue(value="deadline")))

    async def cancellation(self):
        call = self.stub.Wait(StringValue(value="cancellation"))
        await self.stub.Arrived(StringValue(value="cancellation"))
        call.cancel()
        expect(await call.code() == grpc.StatusCode.CANCELLED, "the call's code is not CANCELLED")
        interop.expect_cancelled(await self.stub.Cancelled(StringValue(value="cancellation")))

    async def gzip(self):
        gzip = {"compression": grpc.Compression.Gzip}
        interop.expect_gzip(await self.stub.Describe(BytesValue(value=bytes(10_000)), **gzip))
        await self.expect_echo(1 << 20, **gzip)

    async def metadata(self):
        interop.expect_metadata(await self.stub.Describe(BytesValue(), metadata=interop.METADATA))

    async def errors(self):
        for code, text in interop.failures():
            await self.expect_error(code, interop.SENTENCE, self.stub.Fail(StringValue(value=text)))
        unknown = self.channel.unary_unary("/ovserve.interop.Interop/Unknown")
        await self.expect_error(grpc.StatusCode.UNIMPLEMENTED, None, unknown(b""))
        too_large = BytesValue(value=bytes(interop.TOO_LARGE))
        await self.expect_error(grpc.StatusCode.RESOURCE_EXHAUSTED, None, self.stub.Echo(too_large))
        await self.expect_echo(1)

    async def keepalive(self):
        async with self.open_channel(interop.KEEPALIVE) as channel:
            stub = services.InteropStub(channel)
            call = stub.Wait(StringValue(value="keepalive"))
            await stub.Arrived(StringValue(value="keepalive"))
            await asyncio.sleep(interop.KEEPALIVE_SECONDS)
            await self.stub.Release(StringValue(value="keepalive"))
            await call

    async def restart(self):
        running = self.stub.Wait(StringValue(value="restart 100000"))
        await self.stub.Arrived(StringValue(value="restart"))
        await self.stub.Restart(BytesValue())
        for i in range(100):
            await self.expect_echo(i)
        await self.stub.Release(StringValue(value="restart"))
        expect(len((await running).value) == 100_000, "the running call's reply is cut short")

    async def flood(self):
        await asyncio.gather(*(self.stub.Wait(StringValue(value=text)) for text in interop.flood()))


def open_channel(options=()):
    options = interop.OPTIONS + list(options)
    if interop.roots == "-":
        return grpc.aio.insecure_channel(interop.target, options)
    credentials = grpc.ssl_channel_credentials(open(interop.roots, "rb").read())
    return grpc.aio.secure_channel(interop.target, credentials, options)


async def main():
    checks = Checks(open_channel)
    for name in interop.checks:
        try:
            await getattr(checks, name)()
            interop.report(name)
        except Exception as error:
            interop.report(name, error)


asyncio.run(main())
