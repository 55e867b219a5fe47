// grpc++. `client TARGET ROOTS CHECK...`, see ../clients.ts; built with the stubs protoc makes from ../interop.proto.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "interop.grpc.pb.h"

using google::protobuf::BytesValue;
using google::protobuf::StringValue;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using ovserve::interop::Interop;

namespace {

constexpr int kLarge = (16 << 20) + 7;
constexpr int kTooLarge = 32 << 20;
constexpr char kSentence[] = u8"Das Modell „Ziffern“ ist 100% 模型 🙂\nline two";

template <typename Message>
Message Wrap(const std::string& value) {
  Message message;
  message.set_value(value);
  return message;
}

void Expect(bool holds, const std::string& sentence) {
  if (!holds) throw std::runtime_error(sentence);
}

void ExpectCode(const Status& status, StatusCode code) {
  Expect(status.error_code() == code, "code " + std::to_string(status.error_code()) + ": " + status.error_message() +
                                          ", expected " + std::to_string(code));
}

std::string Pattern(int length) {
  std::string message(length, '\0');
  for (int i = 0; i < length; i++) message[i] = static_cast<char>(i % 251);
  return message;
}

// A call to Wait or Echo that is under way. It must outlive the call.
struct Call {
  ClientContext context;
  BytesValue reply;
  std::promise<Status> done;

  Status Result() { return done.get_future().get(); }
};

class Client {
 public:
  Client(std::string target, std::string roots) : target_(std::move(target)), roots_(std::move(roots)) {
    channel_ = Open({});
    stub_ = Interop::NewStub(channel_);
  }

  void SmallMessages() {
    for (int length : {0, 1, 100, 16379, 16384, 65536}) ExpectEcho(length);
  }

  void LargeMessages() { ExpectEcho(kLarge); }

  void ManyCalls() {
    for (int i = 0; i < 1000; i++) ExpectEcho(i);
  }

  void CallsAtOnce() {
    std::deque<Call> calls(100);
    std::deque<BytesValue> requests;
    for (int i = 0; i < 100; i++) {
      Call& call = calls[i];
      requests.push_back(Wrap<BytesValue>(Pattern(i * 997)));
      stub_->async()->Echo(&call.context, &requests[i], &call.reply, [&call](Status status) { call.done.set_value(status); });
    }
    for (int i = 0; i < 100; i++) {
      ExpectCode(calls[i].Result(), StatusCode::OK);
      Expect(calls[i].reply.value() == requests[i].value(), "a reply is not that of its call");
    }
  }

  void Deadline() {
    ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    BytesValue reply;
    ExpectCode(stub_->Wait(&context, Wrap<StringValue>("deadline"), &reply), StatusCode::DEADLINE_EXCEEDED);
    std::string seen = Cancelled("deadline");
    Expect(seen == "CANCELLED" || seen == "DEADLINE_EXCEEDED", "the server saw " + seen);
  }

  void Cancellation() {
    Call call;
    StringValue request = Wrap<StringValue>("cancellation");
    BeginWait(*stub_, request, call);
    Tell(&Interop::Stub::Arrived, "cancellation");
    call.context.TryCancel();
    ExpectCode(call.Result(), StatusCode::CANCELLED);
    std::string seen = Cancelled("cancellation");
    Expect(seen == "CANCELLED", "the server saw " + seen);
  }

  void Gzip() {
    ClientContext context;
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    ExpectLines(context, std::string(10000, '\0'), {"grpc-encoding: gzip", "compressed reply: true"});
    ClientContext echo;
    echo.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    ExpectEcho(1 << 20, echo);
  }

  void Metadata() {
    ClientContext context;
    context.AddMetadata("x-text", "plain text, with = ; and %20");
    context.AddMetadata("x-more", "1");
    context.AddMetadata("x-more", "2");
    context.AddMetadata("x-data-bin", std::string("\0\1\2\xfd\xfe\xff", 6));
    context.AddMetadata("x-rest-bin", "\xff");
    ExpectLines(context, "",
                {"x-text: plain text, with = ; and %20", "x-more: 1", "x-more: 2", "x-data-bin: 000102fdfeff",
                 "x-rest-bin: ff"});
  }

  void Errors() {
    for (int code = 1; code <= 16; code++) {
      ClientContext context;
      BytesValue reply;
      auto request = Wrap<StringValue>(std::to_string(code) + " " + kSentence);
      Status status = stub_->Fail(&context, request, &reply);
      ExpectCode(status, static_cast<StatusCode>(code));
      Expect(status.error_message() == kSentence, "details " + status.error_message());
    }
    ExpectCode(CallUnknown(), StatusCode::UNIMPLEMENTED);
    ClientContext context;
    BytesValue reply;
    Status status = stub_->Echo(&context, Wrap<BytesValue>(std::string(kTooLarge, '\0')), &reply);
    ExpectCode(status, StatusCode::RESOURCE_EXHAUSTED);
    ExpectEcho(1);
  }

  void Keepalive() {
    auto stub = Interop::NewStub(Open({{GRPC_ARG_KEEPALIVE_TIME_MS, 100},
                                       {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 1000},
                                       {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0}}));
    Call call;
    StringValue request = Wrap<StringValue>("keepalive");
    BeginWait(*stub, request, call);
    Tell(&Interop::Stub::Arrived, "keepalive");
    std::this_thread::sleep_for(std::chrono::seconds(3));
    Tell(&Interop::Stub::Release, "keepalive");
    ExpectCode(call.Result(), StatusCode::OK);
  }

  void Restart() {
    Call call;
    StringValue request = Wrap<StringValue>("restart 100000");
    BeginWait(*stub_, request, call);
    Tell(&Interop::Stub::Arrived, "restart");
    ClientContext context;
    BytesValue reply;
    ExpectCode(stub_->Restart(&context, BytesValue(), &reply), StatusCode::OK);
    for (int i = 0; i < 100; i++) ExpectEcho(i);
    Tell(&Interop::Stub::Release, "restart");
    ExpectCode(call.Result(), StatusCode::OK);
    Expect(call.reply.value().size() == 100000, "the running call's reply is cut short");
  }

  void Flood() {
    std::deque<Call> calls(100);
    std::deque<StringValue> requests;
    for (int i = 0; i < 100; i++) {
      requests.push_back(Wrap<StringValue>("flood-" + std::to_string(i) + " " + std::to_string(1 << 20)));
      BeginWait(*stub_, requests[i], calls[i]);
    }
    for (Call& call : calls) call.Result();
  }

 private:
  using Teller = Status (Interop::Stub::*)(ClientContext*, const StringValue&, BytesValue*);

  std::shared_ptr<grpc::Channel> Open(const std::map<std::string, int>& options) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    for (const auto& [name, value] : options) arguments.SetInt(name, value);
    if (roots_ == "-") return grpc::CreateCustomChannel(target_, grpc::InsecureChannelCredentials(), arguments);
    std::stringstream pem;
    pem << std::ifstream(roots_).rdbuf();
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = pem.str();
    return grpc::CreateCustomChannel(target_, grpc::SslCredentials(ssl), arguments);
  }

  static void BeginWait(Interop::Stub& stub, const StringValue& request, Call& call) {
    stub.async()->Wait(&call.context, &request, &call.reply, [&call](Status status) { call.done.set_value(status); });
  }

  // Calls one of the methods that take a name; its answer is not of interest.
  void Tell(Teller method, const std::string& name) {
    ClientContext context;
    BytesValue reply;
    ExpectCode((stub_.get()->*method)(&context, Wrap<StringValue>(name), &reply), StatusCode::OK);
  }

  std::string Cancelled(const std::string& name) {
    ClientContext context;
    StringValue reply;
    ExpectCode(stub_->Cancelled(&context, Wrap<StringValue>(name), &reply), StatusCode::OK);
    return reply.value();
  }

  Status CallUnknown() {
    grpc::TemplatedGenericStub<BytesValue, BytesValue> stub(channel_);
    BytesValue request;
    Call call;
    stub.UnaryCall(&call.context, "/ovserve.interop.Interop/Unknown", {}, &request, &call.reply,
                   [&call](Status status) { call.done.set_value(status); });
    return call.Result();
  }

  void ExpectEcho(int length) {
    ClientContext context;
    ExpectEcho(length, context);
  }

  void ExpectEcho(int length, ClientContext& context) {
    auto request = Wrap<BytesValue>(Pattern(length));
    BytesValue reply;
    ExpectCode(stub_->Echo(&context, request, &reply), StatusCode::OK);
    Expect(reply.value() == request.value(), std::to_string(length) + " bytes came back changed");
  }

  void ExpectLines(ClientContext& context, const std::string& request, const std::vector<std::string>& lines) {
    StringValue reply;
    ExpectCode(stub_->Describe(&context, Wrap<BytesValue>(request), &reply), StatusCode::OK);
    for (const std::string& line : lines) {
      bool is_there = ("\n" + reply.value() + "\n").find("\n" + line + "\n") != std::string::npos;
      Expect(is_there, "no \"" + line + "\" in " + reply.value());
    }
  }

  std::string target_;
  std::string roots_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Interop::Stub> stub_;
};

const std::map<std::string, void (Client::*)()> kChecks = {
    {"small_messages", &Client::SmallMessages}, {"large_messages", &Client::LargeMessages},
    {"many_calls", &Client::ManyCalls},         {"calls_at_once", &Client::CallsAtOnce},
    {"deadline", &Client::Deadline},            {"cancellation", &Client::Cancellation},
    {"gzip", &Client::Gzip},                    {"metadata", &Client::Metadata},
    {"errors", &Client::Errors},                {"keepalive", &Client::Keepalive},
    {"restart", &Client::Restart},              {"flood", &Client::Flood},
};

std::string Json(const std::string& text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '\n') json += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20) json += ' ';
    else if (c == '"' || c == '\\') (json += '\\') += c;
    else json += c;
  }
  return json + "\"";
}

}  // namespace

int main(int count, char** arguments) {
  Client client(arguments[1], arguments[2]);
  for (int i = 3; i < count; i++) {
    std::string error = "null";
    try {
      (client.*kChecks.at(arguments[i]))();
    } catch (const std::exception& thrown) {
      error = Json(thrown.what());
    }
    std::printf("{\"check\": \"%s\", \"error\": %s}\n", arguments[i], error.c_str());
    std::fflush(stdout);
  }
}
