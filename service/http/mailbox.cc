// SPDX-License-Identifier: Apache-2.0
#include "service/http/mailbox.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <utility>

#include "service/http/connection.h"
#include "service/http/problem.h"

namespace kw::http {
namespace {

class Answer {
 public:
  Answer(std::shared_ptr<Mailbox> mailbox, std::weak_ptr<Connection> to, std::uint64_t turn,
         const RequestId& id)
      : mailbox_(std::move(mailbox)), to_(std::move(to)), turn_(turn), id_(id) {}
  Answer(Answer&&) noexcept = default;
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (mailbox_ != nullptr) {
      (*this)(problem(Error(Code::Internal, "a request was dropped unanswered"), id_));
    }
  }

  void operator()(Reply reply) {
    const auto mailbox = std::exchange(mailbox_, nullptr);
    KW_ASSERT(mailbox != nullptr);  // one answer for one request
    mailbox->put({to_, turn_, std::move(reply)});
  }

 private:
  std::shared_ptr<Mailbox> mailbox_;  // null once answered or moved from
  std::weak_ptr<Connection> to_;
  std::uint64_t turn_;
  RequestId id_;
};

}  // namespace

Mailbox::Mailbox(boost::asio::io_context& loop) : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  KW_ASSERT(bell_.is_open());
  ear_.emplace(loop, ::fcntl(bell_.get(), F_DUPFD_CLOEXEC, 0));
}

void Mailbox::listen() {
  ear_->async_read_some(boost::asio::buffer(&rings_, sizeof(rings_)),
                        [self = shared_from_this()](boost::system::error_code ended, std::size_t) {
                          if (ended) return;
                          self->deliver();
                          if (self->ear_) self->listen();
                        });
}

void Mailbox::put(Letter letter) {
  {
    const MutexLock lock(mutex_);
    if (closed_) {
      if (auto* text = std::get_if<std::string>(&letter.reply.body)) wipe(std::span(*text));
      return;
    }
    letters_.push_back(std::move(letter));
    if (letters_.size() > 1) return;  // the loop has been woken
  }
  (void)::eventfd_write(bell_.get(), 1);
}

void Mailbox::close() {
  ear_.reset();
  std::vector<Letter> lost;
  const MutexLock lock(mutex_);
  closed_ = true;
  lost.swap(letters_);
}

void Mailbox::deliver() {
  std::vector<Letter> letters;
  {
    const MutexLock lock(mutex_);
    letters.swap(letters_);
  }
  for (auto& letter : letters) {
    if (const auto connection = letter.to.lock()) {
      connection->answer(letter.turn, std::move(letter.reply));
    }
  }
}

Respond make_respond(std::shared_ptr<Mailbox> mailbox, std::weak_ptr<Connection> to,
                     std::uint64_t turn, const RequestId& id) {
  return Answer(std::move(mailbox), std::move(to), turn, id);
}

}  // namespace kw::http
