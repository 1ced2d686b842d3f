// SPDX-License-Identifier: Apache-2.0
// The readers as operators run them: on a server's own log, while it writes.
#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// The shell blocks of a page.
std::vector<std::string> blocks_of(const std::string& page) {
  const std::string text = REQUIRE_OK(read_file(std::string(KEYWARD_DOCS) + "/" + page));
  const std::string fence = "```sh\n";
  std::vector<std::string> blocks;
  for (std::size_t at = 0; (at = text.find(fence, at)) != std::string::npos;) {
    at += fence.size();
    const std::size_t end = text.find("```", at);
    blocks.push_back(text.substr(at, end - at));
    at = end;
  }
  return blocks;
}

// Runs a block where the page says that it runs, `keyward` being the program under test.
Outcome run_block(const std::filesystem::path& folder, const std::string& block) {
  const std::filesystem::path program = keyward();
  return run({"/bin/sh", "-ec", "cd \"$1\"; export PATH=\"$2:$PATH\"\n" + block, "sh",
              folder.string(), program.parent_path().string()});
}

}  // namespace

TEST_CASE("audit reading: every command line of the page runs as it stands", "[whole][audit]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("payments/reading");
  Client app = sandbox.client("app");
  for (int i = 0; i < 3; ++i) {
    const json wrap = {{"key", "payments/reading"}, {"plaintext", ""}};
    REQUIRE(app.post("/v1/wrap", wrap).status == 200);
  }
  const test::TempDir desk;
  std::filesystem::create_directory_symlink(sandbox / "audit", desk / "audit");
  const auto blocks = blocks_of("audit-reading.md");
  REQUIRE(blocks.size() > 5);
  for (const std::string& block : blocks) {
    INFO(block);
    const Outcome outcome = run_block(desk.path(), block);
    CHECK(outcome.exit == 0);
    CHECK(outcome.err.empty());
  }
  CHECK(std::stoul(REQUIRE_OK(read_file(desk / "next"))) > 3);
}

TEST_CASE("audit reading: the retention of operations.md runs as it stands", "[whole][audit]") {
  const test::TempDir desk;
  std::filesystem::create_directory_symlink(shared_sandbox() / "audit", desk / "audit");
  const auto blocks = blocks_of("operations.md");
  REQUIRE_FALSE(blocks.empty());
  for (const std::string& block : blocks) {
    INFO(block);
    CHECK(run_block(desk.path(), block).exit == 0);
  }
}

TEST_CASE("audit reading: tail -f prints what comes and passes the filter", "[whole][audit]") {
  const Sandbox& sandbox = shared_sandbox();
  Client app = sandbox.client("app");
  const FileDescriptor out = memory_file();
  Process tail(
      {{keyward(), "audit", "tail", "-f", "-n", "0", "--where", "op=random outcome=ok bytes_out<=1",
        "--columns", "op,bytes_out", sandbox.path("audit")},
       {},
       -1,
       out.get(),
       -1,
       -1});
  REQUIRE(comes_true([&] {
    app.post("/v1/random", {{"bytes", 2}});
    app.post("/v1/random", {{"bytes", 1}});
    return content_of(out).find("random\t1\n") != std::string::npos;
  }));
  CHECK(content_of(out).find("op\tbytes_out\n") == 0);
  CHECK(content_of(out).find("random\t2\n") == std::string::npos);
}

TEST_CASE("audit reading: what an admin did and what a client was refused is found",
          "[whole][audit]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("reading/k");
  Client auditor = sandbox.client("auditor");
  const Reply refused = auditor.post("/v1/wrap", {{"key", "reading/k"}, {"plaintext", ""}});
  REQUIRE(refused.status == 403);
  const auto show = [&](const std::string& filter) {
    return run({keyward(), "audit", "show", sandbox.path("audit"), "--where", filter, "--columns",
                "caller,op,key,outcome"})
        .out;
  };
  CHECK(show("request_id=" + refused.request_id) ==
        "caller\top\tkey\toutcome\n"
        "spiffe://keyward.dev/auditor\twrap\treading/k\tpermission_denied\n");
  CHECK(show("caller=*/admin op=create key=reading/k phase=outcome since=1h") ==
        "caller\top\tkey\toutcome\n"
        "spiffe://keyward.dev/admin\tcreate\treading/k\tok\n");
}

}  // namespace kw::whole
