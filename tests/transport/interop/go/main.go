// grpc-go. `client TARGET ROOTS CHECK...`, see ../clients.ts.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	service  = "/ovserve.interop.Interop/"
	large    = 16<<20 + 7
	tooLarge = 32 << 20
	sentence = "Das Modell „Ziffern“ ist 100% 模型 🙂\nline two"
)

var checks = map[string]func(*client) error{
	"small_messages": smallMessages,
	"large_messages": func(c *client) error { return c.expectEcho(large) },
	"many_calls":     manyCalls,
	"calls_at_once":  callsAtOnce,
	"deadline":       deadline,
	"cancellation":   cancellation,
	"gzip":           compressed,
	"metadata":       describedMetadata,
	"errors":         errors,
	"keepalive":      pings,
	"restart":        restart,
	"flood":          flood,
}

func main() {
	target, roots, names := os.Args[1], os.Args[2], os.Args[3:]
	c := &client{open: func(options ...grpc.DialOption) *grpc.ClientConn { return open(target, roots, options) }}
	c.conn = c.open()
	for _, name := range names {
		report := map[string]any{"check": name, "error": nil}
		if err := checks[name](c); err != nil {
			report["error"] = err.Error()
		}
		line, _ := json.Marshal(report)
		fmt.Println(string(line))
	}
}

func open(target, roots string, options []grpc.DialOption) *grpc.ClientConn {
	transport := insecure.NewCredentials()
	if roots != "-" {
		fromFile, err := credentials.NewClientTLSFromFile(roots, "")
		if err != nil {
			panic(err)
		}
		transport = fromFile
	}
	sizes := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20))
	conn, err := grpc.NewClient(target, append(options, grpc.WithTransportCredentials(transport), sizes)...)
	if err != nil {
		panic(err)
	}
	return conn
}

type client struct {
	open func(...grpc.DialOption) *grpc.ClientConn
	conn *grpc.ClientConn
}

func (c *client) call(ctx context.Context, method string, request, reply proto.Message, options ...grpc.CallOption) error {
	return c.conn.Invoke(ctx, service+method, request, reply, options...)
}

// Calls one of the methods that take a name; its answer is not of interest.
func (c *client) tell(method, name string) error {
	return c.call(context.Background(), method, wrapperspb.String(name), &wrapperspb.BytesValue{})
}

// What the server knows of the end of a call.
func (c *client) cancelled(name string) (string, error) {
	reply := &wrapperspb.StringValue{}
	err := c.call(context.Background(), "Cancelled", wrapperspb.String(name), reply)
	return reply.Value, err
}

// Begins a call to Wait and returns once it has arrived. Its reply's length or its error comes through the channels.
func (c *client) beginWait(ctx context.Context, text string) (<-chan int, <-chan error, error) {
	lengths, errs := make(chan int, 1), make(chan error, 1)
	go func() {
		reply := &wrapperspb.BytesValue{}
		if err := c.call(ctx, "Wait", wrapperspb.String(text), reply); err != nil {
			errs <- err
		} else {
			lengths <- len(reply.Value)
		}
	}()
	name, _, _ := strings.Cut(text, " ")
	return lengths, errs, c.tell("Arrived", name)
}

func (c *client) expectEcho(length int, options ...grpc.CallOption) error {
	message := pattern(length)
	reply := &wrapperspb.BytesValue{}
	if err := c.call(context.Background(), "Echo", wrapperspb.Bytes(message), reply, options...); err != nil {
		return err
	}
	if !bytes.Equal(reply.Value, message) {
		return fmt.Errorf("%d bytes came back changed", length)
	}
	return nil
}

func (c *client) describe(ctx context.Context, request []byte, lines []string, options ...grpc.CallOption) error {
	reply := &wrapperspb.StringValue{}
	if err := c.call(ctx, "Describe", wrapperspb.Bytes(request), reply, options...); err != nil {
		return err
	}
	for _, line := range lines {
		if !slices.Contains(strings.Split(reply.Value, "\n"), line) {
			return fmt.Errorf("no %q in %q", line, reply.Value)
		}
	}
	return nil
}

func expectError(code codes.Code, err error) error {
	if status.Code(err) != code {
		return fmt.Errorf("%v, expected %v", err, code)
	}
	return nil
}

func pattern(length int) []byte {
	message := make([]byte, length)
	for i := range message {
		message[i] = byte(i % 251)
	}
	return message
}

func smallMessages(c *client) error {
	for _, length := range []int{0, 1, 100, 16_379, 16_384, 65_536} {
		if err := c.expectEcho(length); err != nil {
			return err
		}
	}
	return nil
}

func manyCalls(c *client) error {
	for i := range 1000 {
		if err := c.expectEcho(i); err != nil {
			return err
		}
	}
	return nil
}

func callsAtOnce(c *client) error {
	errs := make(chan error)
	for i := range 100 {
		go func() { errs <- c.expectEcho(i * 997) }()
	}
	var failed error
	for range 100 {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	return failed
}

func deadline(c *client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	err := c.call(ctx, "Wait", wrapperspb.String("deadline"), &wrapperspb.BytesValue{})
	if err := expectError(codes.DeadlineExceeded, err); err != nil {
		return err
	}
	seen, err := c.cancelled("deadline")
	if err == nil && seen != "CANCELLED" && seen != "DEADLINE_EXCEEDED" {
		return fmt.Errorf("the server saw %s", seen)
	}
	return err
}

func cancellation(c *client) error {
	ctx, cancel := context.WithCancel(context.Background())
	_, errs, err := c.beginWait(ctx, "cancellation")
	cancel()
	if err != nil {
		return err
	}
	if err := expectError(codes.Canceled, <-errs); err != nil {
		return err
	}
	seen, err := c.cancelled("cancellation")
	if err == nil && seen != "CANCELLED" {
		return fmt.Errorf("the server saw %s", seen)
	}
	return err
}

func compressed(c *client) error {
	lines := []string{"grpc-encoding: gzip", "compressed reply: true"}
	if err := c.describe(context.Background(), make([]byte, 10_000), lines, grpc.UseCompressor(gzip.Name)); err != nil {
		return err
	}
	return c.expectEcho(1<<20, grpc.UseCompressor(gzip.Name))
}

func describedMetadata(c *client) error {
	ctx := metadata.AppendToOutgoingContext(
		context.Background(),
		"x-text", "plain text, with = ; and %20",
		"x-more", "1",
		"x-more", "2",
		"x-data-bin", string([]byte{0, 1, 2, 253, 254, 255}),
		"x-rest-bin", string([]byte{255}),
	)
	return c.describe(ctx, nil, []string{
		"x-text: plain text, with = ; and %20",
		"x-more: 1",
		"x-more: 2",
		"x-data-bin: 000102fdfeff",
		"x-rest-bin: ff",
	})
}

func errors(c *client) error {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		err := c.tell("Fail", fmt.Sprintf("%d %s", code, sentence))
		if err := expectError(code, err); err != nil {
			return err
		}
		if details := status.Convert(err).Message(); details != sentence {
			return fmt.Errorf("details %q", details)
		}
	}
	if err := expectError(codes.Unimplemented, c.tell("Unknown", "")); err != nil {
		return err
	}
	err := c.call(context.Background(), "Echo", wrapperspb.Bytes(make([]byte, tooLarge)), &wrapperspb.BytesValue{})
	if err := expectError(codes.ResourceExhausted, err); err != nil {
		return err
	}
	return c.expectEcho(1)
}

// Pings every 10 seconds: grpc-go does so no oftener, whatever it is told.
func pings(c *client) error {
	often := keepalive.ClientParameters{Time: time.Millisecond, Timeout: time.Second, PermitWithoutStream: true}
	pinging := &client{conn: c.open(grpc.WithKeepaliveParams(often))}
	defer pinging.conn.Close()
	lengths, errs, err := pinging.beginWait(context.Background(), "keepalive")
	if err != nil {
		return err
	}
	time.Sleep(12 * time.Second)
	if err := c.tell("Release", "keepalive"); err != nil {
		return err
	}
	select {
	case <-lengths:
		return nil
	case err := <-errs:
		return err
	}
}

func restart(c *client) error {
	lengths, errs, err := c.beginWait(context.Background(), "restart 100000")
	if err != nil {
		return err
	}
	if err := c.call(context.Background(), "Restart", &wrapperspb.BytesValue{}, &wrapperspb.BytesValue{}); err != nil {
		return err
	}
	for i := range 100 {
		if err := c.expectEcho(i); err != nil {
			return err
		}
	}
	if err := c.tell("Release", "restart"); err != nil {
		return err
	}
	select {
	case length := <-lengths:
		if length != 100_000 {
			return fmt.Errorf("the running call's reply has %d bytes", length)
		}
		return nil
	case err := <-errs:
		return err
	}
}

func flood(c *client) error {
	for i := range 100 {
		text := fmt.Sprintf("flood-%d %d", i, 1<<20)
		go c.call(context.Background(), "Wait", wrapperspb.String(text), &wrapperspb.BytesValue{})
	}
	select {}
}
