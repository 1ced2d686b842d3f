// SPDX-License-Identifier: Apache-2.0
// What the audit log's disk can do to a running service, with real mounts. Each test prints how
// long the 503 and the healing took; nothing is asserted of the times.
#include <sys/mount.h>
#include <sys/stat.h>

#include <iostream>
#include <thread>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kExitAuditLost = 74;
const std::string kFirstSegment = "audit/00000000000000000000.kwa";

// Mount is a file system at a folder, taken away at its end.
class Mount {
 public:
  Mount(const std::vector<std::string>& words, std::string folder) : folder_(std::move(folder)) {
    is_there_ = run(words).exit == 0;
    if (!is_there_) std::cout << "skipped: no file system may be mounted here" << std::endl;
  }
  ~Mount() {
    if (is_there_) (void)::umount2(folder_.c_str(), MNT_DETACH);
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  explicit operator bool() const { return is_there_; }

 private:
  std::string folder_;
  bool is_there_ = false;
};

std::string since(Clock::time_point begin) {
  const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
  return std::to_string(took.count()) + " ms";
}

Reply wrap(const Sandbox& sandbox) {
  return sandbox.client("app").post("/v1/wrap", {{"key", "disk/k"}, {"plaintext", "AAAA"}});
}

// The same until the answer has this status, which it says when it came first.
bool wraps_become(const Sandbox& sandbox, int status, const std::string& what) {
  const Clock::time_point begin = Clock::now();
  const bool became = comes_true([&] { return wrap(sandbox).status == status; });
  std::cout << what << ": " << status << " after " << since(begin) << std::endl;
  return became;
}

// How long one refused request took.
void print_refusal(const Sandbox& sandbox, const std::string& what) {
  const Clock::time_point begin = Clock::now();
  const int status = wrap(sandbox).status;
  std::cout << what << ": the next one is answered " << status << " after " << since(begin)
            << std::endl;
}

bool is_not_ready_for(const Sandbox& sandbox, const std::string& reason) {
  return comes_true([&] {
    const Reply reply = sandbox.client("").get("/readyz");
    return reply.status == 503 && reply.text.find(reason) != std::string::npos;
  });
}

int verify(const Sandbox& sandbox) {
  return run({keyward(), "audit", "verify", sandbox.path("audit")}).exit;
}

// The records that say that answers were withheld for a reason, from a record on.
std::vector<json> withheld(const Sandbox& sandbox, const std::string& reason,
                           std::uint64_t first = 0) {
  std::vector<json> found;
  for (const json& record : sandbox.records(first)) {
    if (record.value("event", "") == "answers withheld" && record["reason"] == reason) {
      found.push_back(record);
    }
  }
  return found;
}

// What is on record as done and was answered 503 is within the range of one of them.
void check_refusal_is_named(const Sandbox& sandbox, const Reply& refused,
                            const std::vector<json>& named) {
  for (const json& record : sandbox.records_of(refused.request_id)) {
    const std::uint64_t index = record["index"];
    const bool is_named = std::any_of(named.begin(), named.end(), [&](const json& event) {
      const std::uint64_t first = event["first"];
      return first <= index && index < first + event["count"].get<std::uint64_t>();
    });
    INFO(record.dump());
    CHECK(is_named);
  }
}

// A sandbox that was stopped with a key in it.
std::unique_ptr<Sandbox> stopped_sandbox() {
  auto sandbox = std::make_unique<Sandbox>();
  sandbox->make_key("disk/k");
  REQUIRE(sandbox->stop() == 0);
  return sandbox;
}

// Puts the audit folder on the file system that `words` mount at it.
std::unique_ptr<Mount> move_log_to(const Sandbox& sandbox, const std::vector<std::string>& words) {
  std::filesystem::rename(sandbox / "audit", sandbox / "before");
  std::filesystem::create_directory(sandbox / "audit");
  auto mount = std::make_unique<Mount>(words, sandbox.path("audit"));
  if (*mount) {
    std::filesystem::copy(sandbox / "before", sandbox / "audit",
                          std::filesystem::copy_options::recursive);
  }
  return mount;
}

// Many records with few requests: the zeros that are written ahead are used up.
void use_up_zeros(const Sandbox& sandbox) {
  json requests = json::array();
  for (int i = 0; i < 1000; ++i) requests.push_back({{"op", "random"}, {"bytes", 1}});
  Client app = sandbox.client("app");
  for (int i = 0; i < 10; ++i) {
    if (app.post("/v1/batch", {{"requests", requests}}).status != 200) return;
  }
}

}  // namespace

TEST_CASE("disk: a full one is answered 503, is on record, and heals by itself", "[disk]") {
  const auto sandbox = stopped_sandbox();
  const auto mount = move_log_to(
      *sandbox, {"mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", sandbox->path("audit")});
  if (!*mount) return;
  sandbox->dev();
  REQUIRE(wrap(*sandbox).status == 200);
  (void)run({"dd", "if=/dev/zero", "of=" + sandbox->path("audit/filler"), "bs=4096"});
  use_up_zeros(*sandbox);
  REQUIRE(wraps_become(*sandbox, 503, "disk full"));
  print_refusal(*sandbox, "disk full");
  const Reply refused = wrap(*sandbox);
  CHECK(refused.status == 503);
  CHECK(is_not_ready_for(*sandbox, "disk full"));
  // Noted although nothing can be written but what was reserved.
  CHECK(REQUIRE_OK(read_file(sandbox->path("audit/reserve"))).find("kwnote") == 0);

  std::filesystem::remove(sandbox->path("audit/filler"));
  CHECK(wraps_become(*sandbox, 200, "space is back"));
  CHECK(sandbox->stop() == 0);
  CHECK(verify(*sandbox) == 0);
  const auto named = withheld(*sandbox, "disk full");
  REQUIRE_FALSE(named.empty());
  CHECK(named.back()["refused"].get<std::uint64_t>() > 0);
  check_refusal_is_named(*sandbox, refused, named);
}

TEST_CASE("disk: a file system that turns read-only is answered 503", "[disk]") {
  const auto sandbox = stopped_sandbox();
  const std::string image = sandbox->path("image");
  REQUIRE(run({"truncate", "-s", "24M", image}).exit == 0);
  if (run({"mkfs.ext4", "-q", image}).exit != 0) {
    std::cout << "skipped: no mkfs.ext4" << std::endl;
    return;
  }
  const auto mount = move_log_to(*sandbox, {"mount", "-o", "loop", image, sandbox->path("audit")});
  if (!*mount) return;
  sandbox->dev();
  REQUIRE(wrap(*sandbox).status == 200);
  // What the kernel does by itself after an error of the disk: no writer is asked.
  if (run({"mount", "-o", "remount,abort", sandbox->path("audit")}).exit != 0) {
    std::cout << "skipped: nothing may be mounted anew here" << std::endl;
    return;
  }
  REQUIRE(wraps_become(*sandbox, 503, "read-only"));
  print_refusal(*sandbox, "read-only");
  // The kernel says EROFS of a write, and of an fdatasync that comes first EIO.
  CHECK(comes_true([&] {
    return !sandbox->server().is_running() || is_not_ready_for(*sandbox, "disk read-only");
  }));
  sandbox->kill();
  CHECK((verify(*sandbox) == 0 || verify(*sandbox) == 3));
}

TEST_CASE("disk: a segment that was removed is left, and the gap stays", "[disk]") {
  const auto sandbox = stopped_sandbox();
  sandbox->dev();
  REQUIRE(wrap(*sandbox).status == 200);
  const std::uint64_t before = sandbox->records().size();
  std::string found = "truncated";
  std::filesystem::remove(*sandbox / kFirstSegment);
  SECTION("removed") {}
  SECTION("a link to /dev/full in its place") {
    std::filesystem::create_symlink("/dev/full", *sandbox / kFirstSegment);
    found = "tampered";
  }
  SECTION("a FIFO in its place") {
    REQUIRE(::mkfifo((*sandbox / kFirstSegment).c_str(), 0600) == 0);
    found = "tampered";
  }
  const Reply refused = wrap(*sandbox);
  CHECK(refused.status == 503);
  CHECK(wraps_become(*sandbox, 200, "file removed"));
  CHECK(sandbox->stop() == 0);
  const Outcome verdict = run({keyward(), "audit", "verify", sandbox->path("audit")});
  CHECK(verdict.exit != 0);
  CHECK(verdict.out.find(found) == 0);
  const auto named = withheld(*sandbox, "file displaced", before + 2);
  CHECK_FALSE(named.empty());

  // The next start goes on; who puts the copy in place has a whole log, and the story in it.
  sandbox->dev();
  CHECK(wrap(*sandbox).status == 200);
  CHECK(sandbox->stop() == 0);
  std::filesystem::remove(*sandbox / kFirstSegment);
  std::filesystem::rename(*sandbox / (kFirstSegment + ".lost"), *sandbox / kFirstSegment);
  CHECK(verify(*sandbox) == 0);
  check_refusal_is_named(*sandbox, refused, withheld(*sandbox, "file displaced"));
}

#ifdef KEYWARD_DISK_FAULTS_LIBRARY

namespace {

// A sandbox whose disk can be broken while it runs.
struct FaultySandbox {
  explicit FaultySandbox(const std::string& audit_settings = "") {
    if (!audit_settings.empty()) {
      sandbox->edit("keyward.yaml", "audit: {directory: audit}",
                    "audit: {directory: audit, " + audit_settings + "}");
    }
    start();
  }
  void start() {
    sandbox->dev({{"LD_PRELOAD", KEYWARD_DISK_FAULTS_LIBRARY},
                  {"KEYWARD_DISK_FAULTS", sandbox->path("fault")}});
    REQUIRE(wrap(*sandbox).status == 200);
  }
  void has(const std::string& fault) { REQUIRE_OK(write_file(*sandbox / "fault", fault)); }
  void heal() { std::filesystem::remove(*sandbox / "fault"); }

  std::unique_ptr<Sandbox> sandbox = stopped_sandbox();
};

}  // namespace

TEST_CASE("disk: a failed fdatasync ends the service, which starts again whole", "[disk]") {
  FaultySandbox faulty;
  Sandbox& sandbox = *faulty.sandbox;
  faulty.has("sync-fails");
  const Reply refused = wrap(sandbox);
  CHECK(refused.status == 503);
  CHECK(sandbox.server().wait() == kExitAuditLost);
  faulty.heal();
  faulty.start();
  CHECK(sandbox.stop() == 0);
  CHECK(verify(sandbox) == 0);
  const auto named = withheld(sandbox, "sync failed");
  CHECK(named.size() == 1);
  check_refusal_is_named(sandbox, refused, named);
}

TEST_CASE("disk: one that takes 3 s for a sync is answered 503 in bounded time", "[disk]") {
  FaultySandbox faulty("durable_within: 500ms");
  Sandbox& sandbox = *faulty.sandbox;
  faulty.has("sync-slow");
  const Reply refused = wrap(sandbox);
  CHECK(refused.status == 503);
  print_refusal(sandbox, "slow disk");
  CHECK(is_not_ready_for(sandbox, "disk slow"));
  faulty.heal();
  CHECK(wraps_become(sandbox, 200, "fast again"));
  CHECK(sandbox.stop() == 0);
  CHECK(verify(sandbox) == 0);
  const auto named = withheld(sandbox, "disk slow");
  CHECK_FALSE(named.empty());
  check_refusal_is_named(sandbox, refused, named);
}

TEST_CASE("disk: one that is writable again is used again", "[disk]") {
  FaultySandbox faulty;
  Sandbox& sandbox = *faulty.sandbox;
  faulty.has("read-only");
  const Reply refused = wrap(sandbox);
  CHECK(refused.status == 503);
  CHECK(is_not_ready_for(sandbox, "disk read-only"));
  faulty.heal();
  CHECK(wraps_become(sandbox, 200, "writable again"));
  CHECK(sandbox.stop() == 0);
  CHECK(verify(sandbox) == 0);
  check_refusal_is_named(sandbox, refused, withheld(sandbox, "disk read-only"));
}

#endif

}  // namespace kw::whole
