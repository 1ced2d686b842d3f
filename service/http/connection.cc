// SPDX-License-Identifier: Apache-2.0
#include "service/http/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "service/http/plain_stream.h"
#include "service/http/problem.h"
#include "service/http/response.h"
#include "service/http/second_opinion.h"
#include "service/http/tls_stream.h"

namespace kw::http {
namespace {

// How long the rest of a refused request is read and thrown away, so that the client gets to read
// the answer: closing with unread input makes the kernel send a reset, which overtakes it.
constexpr std::chrono::seconds kLingerTime{2};

// What the dispatcher gets beyond a request's deadline to answer that it has passed.
constexpr std::chrono::milliseconds kAnswerGrace{500};

std::unique_ptr<Stream> make_stream(const TlsContext* tls, int socket) {
  if (tls == nullptr) return std::make_unique<PlainStream>(socket);
  return std::make_unique<TlsStream>(*tls, socket);
}

}  // namespace

std::shared_ptr<Connection> Connection::open(Loop& loop, FileDescriptor socket, std::string source,
                                             Seats::Seat seat) {
  std::shared_ptr<Connection> connection(
      new Connection(loop, socket.get(), std::move(source), std::move(seat)));
  boost::system::error_code failure;
  connection->socket_.assign(socket.get(), failure);
  if (failure) return nullptr;
  (void)socket.release();
  return connection;
}

Connection::Connection(Loop& loop, int socket, std::string source, Seats::Seat seat)
    : loop_(loop),
      source_(std::move(source)),
      seat_(std::move(seat)),
      socket_(loop.io()),
      tls_(loop.front().tls.get()),
      stream_(make_stream(tls_.get(), socket)),
      deadline_(deadline_in(limits().handshake)),
      input_(limits().head_bytes) {}

void Connection::run() {
  Step step = Step::Again;
  while (step == Step::Again) step = advance();
  if (step == Step::End) {
    close();
  } else if (step != Step::Park) {
    wait(step);
  }
}

Connection::Step Connection::advance() {
  switch (stage_) {
    case Stage::Handshake:
      return on_handshake();
    case Stage::Idle:
      return on_idle();
    case Stage::Head:
      return on_head();
    case Stage::Body:
      return on_body();
    case Stage::Writing:
      return on_writing();
    case Stage::Lingering:
      return on_lingering();
    case Stage::Waiting:
    case Stage::Closed:
      return Step::Park;
  }
  return Step::Park;
}

void Connection::wait(Step step) {
  if (is_waiting_) socket_.cancel();
  is_waiting_ = true;
  const auto type = step == Step::WaitToRead ? boost::asio::posix::descriptor_base::wait_read
                                             : boost::asio::posix::descriptor_base::wait_write;
  socket_.async_wait(
      type, [self = shared_from_this(), wait = ++waits_](const boost::system::error_code& failure) {
        if (wait != self->waits_ || self->stage_ == Stage::Closed) return;
        self->is_waiting_ = false;
        if (failure) return self->close();
        self->run();
      });
}

Connection::Step Connection::after(IoState state) const noexcept {
  switch (state) {
    case IoState::Done:
      return Step::Again;
    case IoState::WantRead:
      return Step::WaitToRead;
    case IoState::WantWrite:
      return Step::WaitToWrite;
    case IoState::Closed:
      return Step::End;
  }
  return Step::End;
}

Connection::Step Connection::on_handshake() {
  const IoState state = stream_->handshake();
  if (state == IoState::Closed) failed_handshakes().add();
  if (state != IoState::Done) return after(state);
  identify();
  stage_ = Stage::Idle;
  deadline_ = deadline_in(loop_.front().times.idle());
  return Step::Again;
}

void Connection::identify() {
  const X509* certificate = stream_->peer_certificate();
  if (certificate == nullptr) return;
  auto caller = identity::from_certificate(certificate);
  if (caller) {
    caller_ = *std::move(caller);
  } else {
    caller_fault_ = std::move(caller).error();
  }
}

Connection::Step Connection::on_idle() {
  if (input_.empty()) {
    const Step step = fill();
    if (step != Step::Again) return step;
  }
  stage_ = Stage::Head;
  id_ = RequestId::random();
  head_.method = Method::Get;  // not the last request's, should this one have none
  request_deadline_ = deadline_ = deadline_in(loop_.front().times.request());
  scanned_ = 0;
  return Step::Again;
}

Connection::Step Connection::on_head() {
  const HeadScan scan = scan_head(input_.text(), scanned_);
  switch (scan.state) {
    case HeadScan::State::Broken:
      return refuse_head({400, "lines end in CR LF, and the head in an empty line"});
    case HeadScan::State::Complete:
      return accept_head(scan.size);
    case HeadScan::State::Incomplete:
      break;
  }
  if (input_.full()) {
    return refuse_head(overlong(input_.text(), loop_.front().head_limits));
  }
  scanned_ = scan.size;
  return fill();
}

Connection::Step Connection::fill() {
  const IoStep step = stream_->read(input_.room());
  input_.commit(step.size);
  return after(step.state);
}

Connection::Step Connection::accept_head(std::size_t size) {
  const std::string_view bytes = input_.text().substr(0, size);
  auto judged = check_head(bytes, loop_.front().head_limits);
  if (const auto* no = std::get_if<Rejection>(&judged)) return refuse_head(*no);
  head_ = std::get<Head>(std::move(judged));
  if (!second_parser_agrees(bytes, head_)) {
    return refuse_head({400, "the head can be read in two ways"});
  }
  input_.consume(size);
  if (const auto fault = check_caller()) return reject(401, fault->advice());
  body_ = BodyBuffer(head_.content_length);
  body_.commit(input_.move_to(body_.room()));
  stage_ = Stage::Body;
  if (head_.expectation == Expectation::None || body_.is_complete()) return Step::Again;
  if (caller_ == nullptr) return reject(401, "a client certificate is needed");
  return write(continue_response(), Stage::Body);
}

// A certificate held when the connection began. Now its time may be over, or its CA or CRL another.
std::optional<Error> Connection::check_caller() {
  if (caller_fault_) return caller_fault_;
  if (caller_ == nullptr) return std::nullopt;
  if (wall_now() > caller_->not_after()) {
    return refusal(Code::Unauthenticated, "the client certificate has expired");
  }
  auto current = loop_.front().tls.get();
  if (current == tls_) return std::nullopt;
  auto holds = current->verify(stream_->peer_certificate(), stream_->peer_chain());
  if (!holds) {
    caller_fault_ = std::move(holds).error();
    return caller_fault_;
  }
  tls_ = std::move(current);
  return std::nullopt;
}

Connection::Step Connection::on_body() {
  if (body_.is_complete()) return dispatch();
  if (!input_.empty()) {
    body_.commit(input_.move_to(body_.room()));
    return Step::Again;
  }
  const IoStep step = stream_->read(body_.room());
  body_.commit(step.size);
  return after(step.state);
}

// What a proven caller sent goes on record before it is answered, also where it was no request.
Connection::Step Connection::refuse_head(const Rejection& rejection) {
  if (const auto fault = check_caller()) return reject(401, fault->advice());
  if (caller_ == nullptr) return reject(rejection.status, rejection.advice);
  head_ = Head();
  head_.persistence = Persistence::Close;
  body_ = BodyBuffer(0);
  return dispatch(rejection);
}

Connection::Step Connection::dispatch(std::optional<Rejection> rejection) {
  stage_ = Stage::Waiting;
  deadline_ = request_deadline_ + kAnswerGrace;
  Request request{head_.method,
                  std::move(head_.path),
                  std::move(head_.query),
                  std::move(head_.content_type),
                  body_.take(),
                  caller_,
                  id_,
                  source_,
                  request_deadline_,
                  rejection};
  overdue_ = loop_.front().dispatch(std::move(request),
                                    make_respond(loop_.mailbox(), weak_from_this(), ++turn_, id_));
  return Step::Park;
}

void Connection::answer(std::uint64_t turn, Reply reply) {
  if (stage_ != Stage::Waiting || turn != turn_) {
    (void)serialize(std::move(reply), id_, Persistence::Close);  // wipes it
    return;
  }
  const bool last = head_.persistence == Persistence::Close || loop_.front().draining;
  (void)write(bytes_of(std::move(reply), last ? Persistence::Close : Persistence::KeepAlive),
              last ? Stage::Lingering : Stage::Idle);
  run();
}

Secret Connection::bytes_of(Reply reply, Persistence persistence) const {
  const Extent extent = head_.method == Method::Head ? Extent::HeadAlone : Extent::Whole;
  return serialize(std::move(reply), id_, persistence, extent);
}

Connection::Step Connection::reject(int status, std::string_view advice) {
  loop_.front().meter.rejected.add();
  return write(
      bytes_of(problem(status, advice, id_, loop_.front().head_limits.methods), Persistence::Close),
      Stage::Lingering);
}

Connection::Step Connection::write(Secret bytes, Stage next) {
  output_ = std::move(bytes);
  written_ = 0;
  after_writing_ = next;
  stage_ = Stage::Writing;
  // Asking for a body is part of the request's time; an answer gets its own.
  if (next != Stage::Body) deadline_ = deadline_in(loop_.front().times.request());
  return Step::Again;
}

Connection::Step Connection::on_writing() {
  const IoStep step = stream_->write(output_.reveal().subspan(written_));
  if (step.state != IoState::Done) return after(step.state);
  written_ += step.size;
  // What is long goes out in pieces, with the loop's other connections in between.
  if (written_ < output_.size()) return Step::WaitToWrite;
  output_ = Secret();
  stage_ = after_writing_;
  if (stage_ == Stage::Lingering) return begin_lingering();
  if (stage_ == Stage::Idle) deadline_ = deadline_in(loop_.front().times.idle());
  return Step::Again;
}

Connection::Step Connection::begin_lingering() {
  stream_->close_notify();
  (void)::shutdown(socket_.native_handle(), SHUT_WR);
  deadline_ = deadline_in(kLingerTime);
  return Step::Again;
}

// Reads below TLS: what comes is not looked at.
Connection::Step Connection::on_lingering() {
  std::array<char, 4096> ignored;
  const ssize_t size = ::recv(socket_.native_handle(), ignored.data(), ignored.size(), 0);
  if (size > 0) return Step::Again;
  return size < 0 && (errno == EAGAIN || errno == EINTR) ? Step::WaitToRead : Step::End;
}

Reply Connection::overdue_problem() const {
  const Code code = overdue_ == Overdue::Unknown ? Code::DeadlineExceeded : Code::Unavailable;
  return problem(Error(code, "no answer in time"), id_);
}

void Connection::sweep(Deadline now) {
  if (stage_ == Stage::Idle) input_.release();
  if (now < deadline_) return;
  switch (stage_) {
    case Stage::Head:
    case Stage::Body:
      (void)reject(408, "the request took too long to arrive");
      return run();
    case Stage::Waiting:
      loop_.front().meter.overdue.add();
      (void)write(bytes_of(overdue_problem(), Persistence::Close), Stage::Lingering);
      return run();
    case Stage::Idle:
      stream_->close_notify();
      return close();
    case Stage::Handshake:
      failed_handshakes().add();
      return close();
    case Stage::Writing:
    case Stage::Lingering:
    case Stage::Closed:
      return close();
  }
}

void Connection::begin_drain() {
  if (stage_ != Stage::Idle && stage_ != Stage::Handshake) return;
  stream_->close_notify();
  close();
}

void Connection::close() {
  if (stage_ == Stage::Closed) return;
  const auto self = shared_from_this();
  stage_ = Stage::Closed;
  boost::system::error_code ignored;
  socket_.close(ignored);
  loop_.forget(this);
}

}  // namespace kw::http
