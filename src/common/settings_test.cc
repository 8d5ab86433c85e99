#include "common/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <set>
#include <sstream>

namespace rivulet {
namespace {

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const SettingsError& error) {
    return error.what();
  }
  return "";
}

TEST(Settings, ComeFromTextByName) {
  Settings settings;
  set_setting(settings, "listen", "127.0.0.1:0");
  set_setting(settings, "tokens", "a, b,,c");
  set_setting(settings, "allow_anonymous_network", "Yes");
  set_setting(settings, "max_connections", "12");
  set_setting(settings, "max_request_size", "1.5 MiB");
  set_setting(settings, "idle_timeout", "2m");
  EXPECT_EQ(settings.listen, "127.0.0.1:0");
  EXPECT_EQ(settings.tokens, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(settings.allow_anonymous_network);
  EXPECT_EQ(settings.max_connections, 12u);
  EXPECT_EQ(settings.max_request_size, 1'572'864u);
  EXPECT_EQ(settings.idle_timeout, std::chrono::minutes(2));
}

TEST(Settings, RefuseBadText) {
  Settings settings;
  EXPECT_EQ(refusal([&] { set_setting(settings, "nope", "1"); }), "there is no setting 'nope'");
  EXPECT_EQ(refusal([&] { set_setting(settings, "max_connections", "0"); }),
            "max_connections: must be at least 1");
  EXPECT_EQ(refusal([&] { set_setting(settings, "max_connections", "many"); }),
            "max_connections: 'many' is not a whole number");
  EXPECT_EQ(refusal([&] { set_setting(settings, "idle_timeout", "5"); }),
            "idle_timeout: '5' needs a unit: ms, s, m, h or d");
  EXPECT_NE(refusal([&] { set_setting(settings, "max_request_size", "4 parsecs"); }), "");
  EXPECT_NE(refusal([&] { set_setting(settings, "streaming_ingestion", "perhaps"); }), "");
  for (const char* text : {"[\"a\",\"b\"]", " [\"a\"]", "[]", "", " , ,"}) {
    EXPECT_TRUE(refusal([&] { set_setting(settings, "tokens", text); }).starts_with("tokens: "))
        << text;
  }
  EXPECT_NE(refusal([&] { set_setting(settings, "cors_origins", "[\"https://a\"]"); }), "");
  EXPECT_EQ(refusal([&] { set_setting(settings, "cors_origins", ""); }), "");
}

TEST(Settings, ComeFromToml) {
  Settings settings;
  load_settings_toml(settings,
                     "listen = \"[::1]:99\"  # a comment\n"
                     "tokens = [\"x\"]\n"
                     "max_connections = 7\n"
                     "request_memory = \"64 MiB\"\n"
                     "log_limit = 536870912\n"
                     "streaming_ingestion = false\n",
                     "f.toml");
  EXPECT_EQ(settings.listen, "[::1]:99");
  EXPECT_EQ(settings.tokens, std::vector<std::string>{"x"});
  EXPECT_EQ(settings.max_connections, 7u);
  EXPECT_EQ(settings.request_memory, 64u << 20);
  EXPECT_EQ(settings.log_limit, 512u << 20);
  EXPECT_FALSE(settings.streaming_ingestion);
}

TEST(Settings, RefuseBadTomlByLine) {
  auto refused = [](std::string_view toml) {
    return refusal([&] {
      Settings settings;
      load_settings_toml(settings, toml, "f.toml");
    });
  };
  EXPECT_EQ(refused("\n\nlisten_to = \"x\"\n"), "f.toml:3: listen_to: there is no such setting");
  EXPECT_EQ(refused("listen = 1\n"), "f.toml:1: listen: must be a string");
  EXPECT_EQ(refused("data = \"d\"\nmax_connections = \"7\"\n"),
            "f.toml:2: max_connections: must be a whole number");
  EXPECT_EQ(refused("max_connections = -1\n"), "f.toml:1: max_connections: must be a whole number");
  EXPECT_EQ(refused("idle_timeout = 5\n"),
            "f.toml:1: idle_timeout: must be a duration such as \"30s\"");
  EXPECT_EQ(refused("tokens = \"x\"\n"), "f.toml:1: tokens: must be an array of strings");
  EXPECT_TRUE(refused("data = \"d\"\nlisten = [\n").starts_with("f.toml:"));
  EXPECT_NE(refusal([] {
              Settings settings;
              load_settings_file(settings, "/nonexistent/rivulet.toml");
            }),
            "");
}

TEST(Settings, ComeFromTheEnvironment) {
  Settings settings;
  const char* variables[] = {"HOME=/", "RIVULET_MAX_CONNECTIONS=3", "RIVULET_CACHE_DIR=/x",
                             "RIVULET_DATA=a=b", nullptr};
  load_settings_environment(settings, variables);
  EXPECT_EQ(settings.max_connections, 3u);
  EXPECT_EQ(settings.data, "a=b");
  auto refused = [&](const char* variable) {
    const char* environment[] = {variable, nullptr};
    return refusal([&] { load_settings_environment(settings, environment); });
  };
  EXPECT_EQ(refused("RIVULET_MAX_CONNECTIONS=x"),
            "RIVULET_MAX_CONNECTIONS: 'x' is not a whole number");
  EXPECT_EQ(refused("RIVULET_MAX_CONECTIONS=3"),
            "RIVULET_MAX_CONECTIONS: there is no such setting");
  EXPECT_EQ(refused("RIVULET_max_connections=3"),
            "RIVULET_max_connections: there is no such setting");
  EXPECT_EQ(refused("RIVULET_PORT=8080"), "RIVULET_PORT: there is no such setting");
  // What other programs read, and what Kubernetes sets in a pod beside a service of this name.
  for (const char* variable :
       {"RIVULET_CONFIG=f", "RIVULET_TOKEN=t", "RIVULET_SECRET_HUB=s", "RIVULET_SANITIZE=1",
        "RIVULET_SERVICE_HOST=10.0.0.1", "RIVULET_PORT=tcp://10.0.0.1:8080",
        "RIVULET_PORT_8080_TCP_ADDR=10.0.0.1", "RIVULETS=many"}) {
    EXPECT_EQ(refused(variable), "") << variable;
  }
}

TEST(Settings, HaveBounds) {
  auto refused = [](std::string_view name, std::string_view value) {
    return refusal([&] {
      Settings settings;
      set_setting(settings, name, value);
    });
  };
  EXPECT_EQ(refused("query_concurrency", "100000000"), "query_concurrency: must be at most 1024");
  EXPECT_EQ(refused("query_concurrency", "1024"), "");
  EXPECT_EQ(refused("idle_timeout", "36501d"), "idle_timeout: must be at most 36500d");
  EXPECT_EQ(refused("log_segment_size", "5 GiB"), "log_segment_size: must be at most 4 GiB");
  // Every setting that is a number of something has an end.
  for (const SettingDescription& setting : describe_settings()) {
    for (auto [unit, most] : {std::pair{"number", "18446744073709551615"},
                              std::pair{"size", "999999 TiB"}, std::pair{"duration", "999999d"}}) {
      if (setting.unit == unit) {
        EXPECT_NE(refused(setting.name, most), "") << setting.name;
      }
    }
    for (const char* odd : {"nan", "inf", "-1", "1e400", "0x10", ""}) {
      bool is_number =
          setting.unit == "number" || setting.unit == "size" || setting.unit == "duration";
      if (is_number) {
        EXPECT_NE(refused(setting.name, odd), "") << setting.name << " " << odd;
      }
    }
  }
}

TEST(Settings, NameTokensHostsAndOriginsThatAreSome) {
  auto refused = [](auto member, std::vector<std::string> values) {
    return refusal([&] {
      Settings settings;
      settings.*member = std::move(values);
      check_settings(settings);
    });
  };
  for (const char* token : {"", "a b", "a\nb", "\x7f", "gr\xc3\xbc\xc3\x9f", "a\tb"}) {
    std::string message = refused(&Settings::tokens, {"good", token});
    EXPECT_TRUE(message.starts_with("tokens: ")) << token << ": " << message;
  }
  EXPECT_EQ(refused(&Settings::tokens, {"eyJ0.eyJ-_~+/==", "p@ss!"}), "");
  for (const char* host : {"", "a/b", "http://a", "a:80", "a b", "*.a", "[::1]"}) {
    EXPECT_TRUE(refused(&Settings::allowed_hosts, {host}).starts_with("allowed_hosts: ")) << host;
  }
  EXPECT_EQ(refused(&Settings::allowed_hosts, {"db", "db.example", "my_service", "*"}), "");
  for (const char* origin :
       {"", "null", "dash.example", "https://", "https://dash.example/", "https://a/b",
        "https://a:", "https://a:123456", "https://*.example", "https://a b", "://a",
        "https://a:80:80", "https://user@a", "https://a?x"}) {
    EXPECT_TRUE(refused(&Settings::cors_origins, {origin}).starts_with("cors_origins: ")) << origin;
  }
  EXPECT_EQ(
      refused(&Settings::cors_origins, {"https://dash.example", "http://localhost:3000",
                                        "http://[::1]:8080", "*", "chrome-extension://abcdef"}),
      "");
}

TEST(Settings, AreCheckedTogether) {
  auto refused = [](std::string_view name, std::string_view value) {
    return refusal([&] {
      Settings settings;
      set_setting(settings, name, value);
      check_settings(settings);
    });
  };
  EXPECT_EQ(refusal([] { check_settings(Settings()); }), "");
  EXPECT_NE(refused("listen", "0.0.0.0:80"), "");
  EXPECT_NE(refused("listen", ":80"), "");
  EXPECT_NE(refused("listen", "10.1.2.3:80"), "");
  EXPECT_NE(refused("listen", "127.0.0.1"), "");
  EXPECT_NE(refused("listen", "127.0.0.1:99999"), "");
  EXPECT_NE(refused("listen", "::1:80"), "");
  EXPECT_NE(refused("listen", "127.evil.example:80"), "");
  EXPECT_NE(refused("tls_key", "x"), "");
  EXPECT_NE(refused("log_level", "loud"), "");
  for (const char* size : {"1", "10MiB", "63MiB"})
    EXPECT_EQ(refused("query_memory", size), "query_memory: must be at least 64 MiB, or 0");
  EXPECT_EQ(refused("query_memory", "64MiB"), "");
  EXPECT_EQ(refused("query_memory", "0"), "");
  EXPECT_NE(refused("row_store_disk_limit", "1"), "");
  EXPECT_NE(refused("row_store_disk_limit", "511MiB"), "");
  EXPECT_EQ(refused("row_store_disk_limit", "512MiB"), "");
  EXPECT_EQ(refused("row_store_disk_limit", "0"), "");
  EXPECT_EQ(refused("listen", "[::1]:80"), "");
  EXPECT_EQ(refused("listen", "localhost:0"), "");

  Settings open;
  open.listen = "0.0.0.0:80";
  open.tokens = {"t"};
  EXPECT_EQ(refusal([&] { check_settings(open); }), "");
  open.tokens.clear();
  open.allow_anonymous_network = true;
  EXPECT_EQ(refusal([&] { check_settings(open); }), "");
}

TEST(Settings, SizesAndDurationsReadAsTheyPrint) {
  for (uint64_t size : {uint64_t{1}, uint64_t{1000}, uint64_t{4} << 20, uint64_t{3} << 40}) {
    EXPECT_EQ(parse_size(format_size(size)), size);
  }
  for (int64_t ms : {1, 250, 1'000, 90'000, 3'600'000, 86'400'000}) {
    EXPECT_EQ(parse_duration(format_duration(std::chrono::milliseconds(ms))).count(), ms);
  }
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("12"), 12u);
}

TEST(Settings, HaveDistinctNames) {
  std::set<std::string_view> names;
  for (const SettingDescription& setting : describe_settings()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.description.empty()) << setting.name;
  }
}

// docs/configuration.md holds the table of settings.cc: paste what the failure prints.
TEST(Settings, AreDocumented) {
  std::ifstream file("docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(settings_reference_markdown()), std::string::npos)
      << settings_reference_markdown();
}

}  // namespace
}  // namespace rivulet
