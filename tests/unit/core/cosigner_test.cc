// SPDX-License-Identifier: Apache-2.0
#include <httplib.h>

#include <mutex>
#include <thread>

#include "base/file.h"
#include "service/telemetry/page.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

constexpr const char* kVkey =
    "example.com/witness+10a1c019+BGSEitir7W6FmBs7OHWyUrh2frtLAvcDrKOx5xu9ao5Q";

// A witness that answers as it is told: a liar, if need be.
class LyingWitness {
 public:
  struct Answer {
    int status = 200;
    std::string type = "text/plain";
    std::string body;
  };

  LyingWitness() {
    server_.Post("/add-checkpoint",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   const std::lock_guard lock(mutex_);
                   seen_.push_back(request.body);
                   give(response, answer_);
                 });
    server_.Get("/[0-9a-f]+/checkpoint",
                [this](const httplib::Request&, httplib::Response& response) {
                  const std::lock_guard lock(mutex_);
                  give(response, held_);
                });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~LyingWitness() {
    server_.stop();
    thread_.join();
  }

  void says(Answer answer, Answer held) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    held_ = std::move(held);
  }
  std::size_t asked() {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  static void give(httplib::Response& response, const Answer& answer) {
    response.status = answer.status;
    response.set_content(answer.body, answer.type);
  }

  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
  std::mutex mutex_;
  Answer answer_;
  Answer held_{404, "text/plain", ""};
  std::vector<std::string> seen_;
};

struct CosignerFixture : DoorFixture {
  CosignerFixture() : DoorFixture(Closed{}) { witnesses = {{witness.url(), kVkey, std::nullopt}}; }

  std::string page() {
    telemetry::Page page;
    backend->describe(page);
    return page.text();
  }
  // The value of a family's only series.
  double value_of(const std::string& family) {
    const std::string text = page();
    const std::size_t at = text.find("\n" + family + "{");
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(text.find("} ", at) + 2));
  }
  bool reaches(const std::string& family, double least) {
    const Deadline patience = deadline_in(std::chrono::seconds(60));
    while (value_of(family) < least) {
      if (has_passed(patience)) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  std::string note() { return REQUIRE_OK(opened(door->read_checkpoint(call_as("admin")))); }

  LyingWitness witness;
};

}  // namespace

TEST_CASE_METHOD(CosignerFixture, "cosigner: a witness's word alone does not take the service down",
                 "[core][cosigner][negative]") {
  const LyingWitness::Answer larger{409, "text/x.tlog.size", "1000000\n"};
  const LyingWitness::Answer nothing{404, "text/plain", ""};
  SECTION("it claims a larger log") { witness.says(larger, nothing); }
  SECTION("it refuses the proof") { witness.says({422, "text/plain", "no"}, nothing); }
  SECTION("what it holds is not signed") {
    witness.says(larger,
                 {200, "text/plain", "keyward/0\n1000000\nAAAA\n\n\u2014 keyward/0 AAAAAAAA\n"});
  }
  open();
  CHECK(reaches("keyward_witness_dispute", 1));
  CHECK(value_of("keyward_witness_dispute") == 1);
  CHECK(backend->troubles().empty());
  CHECK_FALSE(std::filesystem::exists(folder / "audit" / "checkpoint.conflicting"));
  close();
  int disputes = 0;
  for (const Line& line : records()) {
    const auto event = line.find("event");
    disputes += event != line.end() && event->second == "witness dispute" ? 1 : 0;
  }
  CHECK(disputes == 1);
}

TEST_CASE_METHOD(CosignerFixture, "cosigner: an answer that is none is counted, and no more",
                 "[core][cosigner][negative]") {
  // By its key, but of another text; of another key; no number; a number of another type.
  SECTION("a forged cosignature") {
    witness.says(
        {200, "text/plain",
         "\u2014 example.com/witness EKHAGQAAAABkGFDL6nT3tdWsnr60QRZM37d3Muo2MeCQf6qCeVmIcJcz"
         "UPW+0wqqcKXKPaU7yt6vRIaGiaTt8vwiEciBIHFemInCDA==\n"},
        {});
  }
  SECTION("another's") { witness.says({200, "text/plain", "\u2014 a.b AAAAAAAA\n"}, {}); }
  SECTION("nothing") { witness.says({200, "text/plain", ""}, {}); }
  SECTION("a conflict without a number") { witness.says({409, "text/x.tlog.size", "many\n"}, {}); }
  SECTION("a conflict of another type") { witness.says({409, "text/plain", "0\n"}, {}); }
  SECTION("a conflict over what was said") { witness.says({409, "text/x.tlog.size", "0\n"}, {}); }
  SECTION("unknown") { witness.says({404, "text/plain", ""}, {}); }
  open();
  CHECK(reaches("keyward_witness_failures_total", 2));
  CHECK(value_of("keyward_witness_dispute") == 0);
  CHECK(backend->troubles().empty());
  CHECK(note().find("example.com/witness") == std::string::npos);
  CHECK(note() == REQUIRE_OK(read_file(folder / "audit" / "checkpoint")));
  CHECK_FALSE(std::filesystem::exists(folder / "audit" / "checkpoint.cosigned"));
  CHECK(witness.asked() >= 2);
}

TEST_CASE_METHOD(CosignerFixture, "cosigner: settings that cannot be are refused",
                 "[core][cosigner][negative]") {
  const WitnessOptions good = witnesses[0];
  SECTION("one name twice") { witnesses = {good, good}; }
  SECTION("no URL") { witnesses[0].url = "w.example"; }
  SECTION("no key") { witnesses[0].key = "x" + witnesses[0].key; }
  SECTION("a log's key") {
    witnesses[0].key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
  }
  CHECK_CODE(try_open(), Code::InvalidArgument);
}

}  // namespace kw::core
