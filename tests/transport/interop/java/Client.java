import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** grpc-java. {@code java Client.java TARGET ROOTS CHECK...}, see ../clients.ts. */
public final class Client {
  private static final int LARGE = (16 << 20) + 7;
  private static final int TOO_LARGE = 32 << 20;
  /** The other clients' sentence, in escapes because a source file's encoding depends on where java runs. */
  private static final String SENTENCE =
      "Das Modell \u201eZiffern\u201c ist 100% \u6a21\u578b \ud83d\ude42\nline two";

  private static final MethodDescriptor<BytesValue, BytesValue> ECHO = method("Echo", bytes(), bytes());
  private static final MethodDescriptor<BytesValue, StringValue> DESCRIBE = method("Describe", bytes(), text());
  private static final MethodDescriptor<BytesValue, BytesValue> RESTART = method("Restart", bytes(), bytes());
  private static final MethodDescriptor<BytesValue, BytesValue> UNKNOWN = method("Unknown", bytes(), bytes());
  private static final MethodDescriptor<StringValue, BytesValue> FAIL = method("Fail", text(), bytes());
  private static final MethodDescriptor<StringValue, BytesValue> WAIT = method("Wait", text(), bytes());
  private static final MethodDescriptor<StringValue, BytesValue> ARRIVED = method("Arrived", text(), bytes());
  private static final MethodDescriptor<StringValue, BytesValue> RELEASE = method("Release", text(), bytes());
  private static final MethodDescriptor<StringValue, StringValue> CANCELLED = method("Cancelled", text(), text());

  private final String target;
  private final String roots;
  private final ManagedChannel channel;

  private Client(String target, String roots) throws Exception {
    this.target = target;
    this.roots = roots;
    this.channel = builder().build();
  }

  private interface Check {
    void run() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    Client client = new Client(arguments[0], arguments[1]);
    Map<String, Check> checks = client.checks();
    for (String name : Arrays.asList(arguments).subList(2, arguments.length)) {
      String error = "null";
      try {
        checks.get(name).run();
      } catch (Exception thrown) {
        error = json(thrown.toString());
      }
      System.out.println("{\"check\": \"" + name + "\", \"error\": " + error + "}");
    }
    // The event loops of a Unix socket are threads that keep a program alive.
    System.exit(0);
  }

  private Map<String, Check> checks() {
    Map<String, Check> checks = new LinkedHashMap<>();
    checks.put("small_messages", this::smallMessages);
    checks.put("large_messages", () -> expectEcho(LARGE, CallOptions.DEFAULT));
    checks.put("many_calls", this::manyCalls);
    checks.put("calls_at_once", this::callsAtOnce);
    checks.put("deadline", this::deadline);
    checks.put("cancellation", this::cancellation);
    checks.put("gzip", this::gzip);
    checks.put("metadata", this::metadata);
    checks.put("errors", this::errors);
    checks.put("keepalive", this::keepalive);
    checks.put("restart", this::restart);
    checks.put("flood", this::flood);
    return checks;
  }

  private void smallMessages() {
    for (int length : new int[] {0, 1, 100, 16_379, 16_384, 65_536}) expectEcho(length, CallOptions.DEFAULT);
  }

  private void manyCalls() {
    for (int i = 0; i < 1000; i++) expectEcho(i, CallOptions.DEFAULT);
  }

  private void callsAtOnce() throws Exception {
    List<BytesValue> messages = new ArrayList<>();
    List<ListenableFuture<BytesValue>> replies = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      messages.add(BytesValue.of(pattern(i * 997)));
      replies.add(begin(channel, ECHO, messages.get(i)));
    }
    for (int i = 0; i < 100; i++) {
      expect(replies.get(i).get().equals(messages.get(i)), "a reply is not that of its call");
    }
  }

  private void deadline() {
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(200, TimeUnit.MILLISECONDS);
    expectError(Status.Code.DEADLINE_EXCEEDED, null, () -> call(WAIT, StringValue.of("deadline"), options));
    String seen = tell(CANCELLED, "deadline").getValue();
    expect(seen.equals("CANCELLED") || seen.equals("DEADLINE_EXCEEDED"), "the server saw " + seen);
  }

  private void cancellation() {
    ListenableFuture<BytesValue> reply = begin(channel, WAIT, StringValue.of("cancellation"));
    tell(ARRIVED, "cancellation");
    reply.cancel(true);
    expect(reply.isCancelled(), "the call is not cancelled");
    String seen = tell(CANCELLED, "cancellation").getValue();
    expect(seen.equals("CANCELLED"), "the server saw " + seen);
  }

  private void gzip() {
    CallOptions options = CallOptions.DEFAULT.withCompression("gzip");
    BytesValue request = BytesValue.of(ByteString.copyFrom(new byte[10_000]));
    expectLines(call(DESCRIBE, request, options), "grpc-encoding: gzip", "compressed reply: true");
    expectEcho(1 << 20, options);
  }

  private void metadata() {
    Metadata metadata = new Metadata();
    Metadata.Key<String> more = Metadata.Key.of("x-more", Metadata.ASCII_STRING_MARSHALLER);
    metadata.put(Metadata.Key.of("x-text", Metadata.ASCII_STRING_MARSHALLER), "plain text, with = ; and %20");
    metadata.put(more, "1");
    metadata.put(more, "2");
    byte[] data = {0, 1, 2, (byte) 253, (byte) 254, (byte) 255};
    metadata.put(Metadata.Key.of("x-data-bin", Metadata.BINARY_BYTE_MARSHALLER), data);
    metadata.put(Metadata.Key.of("x-rest-bin", Metadata.BINARY_BYTE_MARSHALLER), new byte[] {(byte) 255});
    Channel with = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
    expectLines(
        ClientCalls.blockingUnaryCall(with, DESCRIBE, CallOptions.DEFAULT, BytesValue.getDefaultInstance()),
        "x-text: plain text, with = ; and %20", "x-more: 1", "x-more: 2", "x-data-bin: 000102fdfeff", "x-rest-bin: ff");
  }

  private void errors() {
    for (Status.Code code : Status.Code.values()) {
      if (code != Status.Code.OK) expectError(code, SENTENCE, () -> tell(FAIL, code.value() + " " + SENTENCE));
    }
    BytesValue empty = BytesValue.getDefaultInstance();
    expectError(Status.Code.UNIMPLEMENTED, null, () -> call(UNKNOWN, empty, CallOptions.DEFAULT));
    BytesValue tooLarge = BytesValue.of(ByteString.copyFrom(new byte[TOO_LARGE]));
    expectError(Status.Code.RESOURCE_EXHAUSTED, null, () -> call(ECHO, tooLarge, CallOptions.DEFAULT));
    expectEcho(1, CallOptions.DEFAULT);
  }

  /** Pings every 10 seconds: grpc-java does so no oftener, whatever it is told. */
  private void keepalive() throws Exception {
    ManagedChannel pinging =
        builder().keepAliveTime(1, TimeUnit.SECONDS).keepAliveTimeout(1, TimeUnit.SECONDS).build();
    ListenableFuture<BytesValue> reply = begin(pinging, WAIT, StringValue.of("keepalive"));
    tell(ARRIVED, "keepalive");
    Thread.sleep(12_000);
    tell(RELEASE, "keepalive");
    reply.get();
    pinging.shutdown();
  }

  private void restart() throws Exception {
    ListenableFuture<BytesValue> running = begin(channel, WAIT, StringValue.of("restart 100000"));
    tell(ARRIVED, "restart");
    call(RESTART, BytesValue.getDefaultInstance(), CallOptions.DEFAULT);
    for (int i = 0; i < 100; i++) expectEcho(i, CallOptions.DEFAULT);
    tell(RELEASE, "restart");
    expect(running.get().getValue().size() == 100_000, "the running call's reply is cut short");
  }

  private void flood() throws InterruptedException, ExecutionException {
    List<ListenableFuture<BytesValue>> replies = new ArrayList<>();
    for (int i = 0; i < 100; i++) replies.add(begin(channel, WAIT, StringValue.of("flood-" + i + " " + (1 << 20))));
    for (ListenableFuture<BytesValue> reply : replies) reply.get();
  }

  private NettyChannelBuilder builder() throws Exception {
    NettyChannelBuilder builder;
    if (target.startsWith("unix:")) {
      builder = NettyChannelBuilder.forAddress(new DomainSocketAddress(target.substring("unix:".length())))
          .channelType(EpollDomainSocketChannel.class)
          .eventLoopGroup(new EpollEventLoopGroup(1))
          .overrideAuthority("localhost");
    } else {
      builder = NettyChannelBuilder.forTarget(target);
    }
    builder.maxInboundMessageSize(64 << 20);
    if (roots.equals("-")) return builder.usePlaintext();
    return builder.sslContext(GrpcSslContexts.forClient().trustManager(new File(roots)).build());
  }

  private <Request, Reply> Reply call(MethodDescriptor<Request, Reply> method, Request request, CallOptions options) {
    return ClientCalls.blockingUnaryCall(channel, method, options, request);
  }

  private <Reply> Reply tell(MethodDescriptor<StringValue, Reply> method, String name) {
    return call(method, StringValue.of(name), CallOptions.DEFAULT);
  }

  private static <Request, Reply> ListenableFuture<Reply> begin(
      Channel channel, MethodDescriptor<Request, Reply> method, Request request) {
    return ClientCalls.futureUnaryCall(channel.newCall(method, CallOptions.DEFAULT), request);
  }

  private void expectEcho(int length, CallOptions options) {
    BytesValue message = BytesValue.of(pattern(length));
    expect(call(ECHO, message, options).equals(message), length + " bytes came back changed");
  }

  private static void expectError(Status.Code code, String details, Runnable call) {
    try {
      call.run();
    } catch (StatusRuntimeException error) {
      Status status = error.getStatus();
      expect(status.getCode() == code, status + ", expected " + code);
      expect(details == null || details.equals(status.getDescription()), "details " + status.getDescription());
      return;
    }
    throw new IllegalStateException("no error, expected " + code);
  }

  private static void expectLines(StringValue description, String... lines) {
    List<String> found = Arrays.asList(description.getValue().split("\n"));
    for (String line : lines) expect(found.contains(line), "no \"" + line + "\" in " + found);
  }

  private static void expect(boolean holds, String sentence) {
    if (!holds) throw new IllegalStateException(sentence);
  }

  private static ByteString pattern(int length) {
    byte[] message = new byte[length];
    for (int i = 0; i < length; i++) message[i] = (byte) (i % 251);
    return ByteString.copyFrom(message);
  }

  private static BytesValue bytes() {
    return BytesValue.getDefaultInstance();
  }

  private static StringValue text() {
    return StringValue.getDefaultInstance();
  }

  private static <Request extends Message, Reply extends Message> MethodDescriptor<Request, Reply> method(
      String name, Request request, Reply reply) {
    return MethodDescriptor.<Request, Reply>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName("ovserve.interop.Interop/" + name)
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(reply))
        .build();
  }

  private static String json(String text) {
    StringBuilder json = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') json.append('\\').append(c);
      else if (c < 0x20 || c > 0x7e) json.append(String.format("\\u%04x", (int) c));
      else json.append(c);
    }
    return json.append('"').toString();
  }
}
