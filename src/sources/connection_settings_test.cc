#include "sources/connection_settings.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "common/testing/temporary_directory.h"
#include "sources/broker_access.h"

namespace rivulet::sources {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kHub =
    "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=listen;"
    "SharedAccessKey=s3cretKey+/=;EntityPath=hub";
constexpr Ticks kNow = 123 * kTicksPerMillisecond;

ConnectionSettings event_hub(const Properties& properties, std::string_view source = kHub) {
  return parse_settings(ConnectionKind::kEventHub, source, properties, kNow);
}
ConnectionSettings kafka(Properties properties, std::string_view source = "localhost:9092") {
  properties.try_emplace("topic", "t");
  properties.try_emplace("table", "T");
  return parse_settings(ConnectionKind::kKafka, source, properties, kNow);
}

template <typename Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_TRUE(error.is_permanent());
    EXPECT_EQ(error.kind(), ErrorKind::kBadRequest);
    return error.message();
  }
  return "no error";
}

TEST(ConnectionSettings, DefaultsOfAnEventHub) {
  ConnectionSettings settings = event_hub({{"Table", "T"}});
  EXPECT_EQ(settings.connection_string, kHub);
  EXPECT_EQ(settings.consumer_group, "");
  EXPECT_EQ(settings.table, "T");
  EXPECT_EQ(settings.format, ingest::Format::kMultiJson);
  EXPECT_FALSE(settings.is_routed);
  EXPECT_EQ(settings.retrieval_start, kNow);
  EXPECT_EQ(settings.on_missing_target, MissingTarget::kSkip);

  BrokerAccess access = broker_access(settings, Secrets());
  EXPECT_EQ(access.brokers, "ns.servicebus.windows.net:9093");
  EXPECT_EQ(access.topic, "hub");
  EXPECT_EQ(access.security_protocol, "sasl_ssl");
  EXPECT_EQ(access.sasl_mechanism, "PLAIN");
  EXPECT_EQ(access.username, "$ConnectionString");
  EXPECT_EQ(access.password, kHub);
}

TEST(ConnectionSettings, DefaultsOfKafka) {
  ConnectionSettings settings = kafka({}, "a:1, [::1]:2");
  BrokerAccess access = broker_access(settings, Secrets());
  EXPECT_EQ(access.brokers, "a:1,[::1]:2");
  EXPECT_EQ(access.topic, "t");
  EXPECT_EQ(access.security_protocol, "plaintext");
  EXPECT_EQ(access.sasl_mechanism, "");
  EXPECT_EQ(settings.consumer_group, "");
}

TEST(ConnectionSettings, EveryProperty) {
  ConnectionSettings settings = kafka({{"topic", "stream.1"},
                                       {"consumerGroup", "g"},
                                       {"securityProtocol", "SASL_SSL"},
                                       {"saslMechanism", "scram-sha-512"},
                                       {"username", "u"},
                                       {"password", "p"},
                                       {"caLocation", "file:ca.pem"},
                                       {"table", "T"},
                                       {"format", "CSV"},
                                       {"mappingName", "M"},
                                       {"compression", "GZip"},
                                       {"routing", "true"},
                                       {"databaseRouting", "multi"},
                                       {"eventSystemProperties", "x-opt-offset, kafka-key"},
                                       {"retrievalStartDate", "2024-05-01T10:00:00Z"},
                                       {"onMissingTarget", "HOLD"},
                                       {"deadLetterTable", "Dead"},
                                       {"maxQueuedBytes", "2 MiB"},
                                       {"maxBatchBytes", "1048576"}});
  EXPECT_EQ(settings.topic, "stream.1");
  EXPECT_EQ(settings.consumer_group, "g");
  EXPECT_EQ(settings.security_protocol, "sasl_ssl");
  EXPECT_EQ(settings.sasl_mechanism, "SCRAM-SHA-512");
  EXPECT_EQ(settings.username, "u");
  EXPECT_EQ(settings.password, "p");
  EXPECT_EQ(settings.ca_location, "file:ca.pem");
  EXPECT_EQ(settings.format, ingest::Format::kCsv);
  EXPECT_EQ(settings.mapping_name, "M");
  EXPECT_TRUE(settings.is_gzip);
  EXPECT_TRUE(settings.is_routed);
  EXPECT_TRUE(settings.may_route_to_other_databases);
  EXPECT_THAT(settings.event_system_properties, ElementsAre("x-opt-offset", "kafka-key"));
  EXPECT_GT(settings.retrieval_start, kNow);
  EXPECT_EQ(settings.on_missing_target, MissingTarget::kHold);
  EXPECT_EQ(settings.dead_letter_table, "Dead");
  EXPECT_EQ(settings.max_queued_bytes, 2u << 20);
  EXPECT_EQ(settings.max_batch_bytes, 1u << 20);
  EXPECT_EQ(decode_settings(encode_settings(settings)), settings);

  ConnectionSettings back = change_settings(settings, {{"compression", "none"},
                                                       {"databaseRouting", "Single"},
                                                       {"routing", "false"},
                                                       {"onMissingTarget", "skip"},
                                                       {"retrievalStartDate", "earliest"},
                                                       {"eventSystemProperties", ""}});
  EXPECT_FALSE(back.is_gzip);
  EXPECT_FALSE(back.is_routed);
  EXPECT_FALSE(back.may_route_to_other_databases);
  EXPECT_EQ(back.on_missing_target, MissingTarget::kSkip);
  EXPECT_EQ(back.retrieval_start, 0);
  EXPECT_TRUE(back.event_system_properties.empty());
  EXPECT_EQ(back.table, "T");
  EXPECT_EQ(decode_settings(encode_settings(back)), back);
}

TEST(ConnectionSettings, EncodedAndDecoded) {
  for (const ConnectionSettings& settings :
       {event_hub({{"table", "a \"b\" \\ \xC3\xBC"}}), event_hub({{"routing", "true"}}),
        event_hub({{"table", "T"}, {"eventHubName", "h"}}, "env:RIVULET_SECRET_HUB"), kafka({})}) {
    EXPECT_EQ(decode_settings(encode_settings(settings)), settings);
  }
}

TEST(ConnectionSettings, DamageIsSeen) {
  for (std::string_view json :
       {"", "[]", "{}", "{\"kind\":\"amqp\"}", "{\"kind\":7}",
        "{\"kind\":\"kafka\",\"what\":\"x\"}", "{\"kind\":\"kafka\",\"compression\":\"zip\"}",
        "{\"kind\":\"kafka\",\"table\":null}"}) {
    EXPECT_THROW(decode_settings(json), std::runtime_error) << json;
  }
}

TEST(ConnectionSettings, SecretsAreNotShown) {
  EXPECT_THAT(show_settings(event_hub({{"table", "T"}})),
              AllOf(Not(HasSubstr("s3cret")),
                    HasSubstr("\"connectionString\":\"Endpoint=sb://ns.servicebus.windows.net/;"
                              "SharedAccessKeyName=listen;SharedAccessKey=****;EntityPath=hub\"")));
  std::string sasl = show_settings(
      kafka({{"securityProtocol", "sasl_ssl"}, {"username", "u"}, {"password", "s3cret"}}));
  EXPECT_THAT(sasl, AllOf(Not(HasSubstr("s3cret")), HasSubstr("\"password\":\"****\"")));
  // References are no secrets.
  EXPECT_THAT(show_settings(event_hub({{"table", "T"}}, "file:hub")),
              HasSubstr("\"connectionString\":\"file:hub\""));
  EXPECT_THAT(show_settings(kafka({{"routing", "true"}})),
              AllOf(HasSubstr("\"password\":\"\""), HasSubstr("\"routing\":true"),
                    HasSubstr("\"maxBatchBytes\":8388608")));
}

TEST(ConnectionSettings, RefusalsNameThePropertyAndWhatItMayBe) {
  struct Case {
    Properties properties;
    std::vector<std::string_view> message;
  };
  for (const Case& c : std::initializer_list<Case>{
           {{{"compression", "zip"}}, {"'compression'", "'none' or 'gzip'", "'zip'"}},
           {{{"format", "avro"}}, {"'format'", "multijson", "'avro'"}},
           {{{"routing", "perhaps"}}, {"'routing'", "true or false"}},
           {{{"databaseRouting", "Both"}}, {"'databaseRouting'", "'Single' or 'Multi'"}},
           {{{"databaseRouting", "Multi"}}, {"'databaseRouting'", "routing=true"}},
           {{{"eventSystemProperties", "x-opt-none"}}, {"x-opt-enqueued-time", "'x-opt-none'"}},
           {{{"eventSystemProperties", "x-opt-offset,x-opt-offset"}}, {"each once"}},
           {{{"retrievalStartDate", "soon"}}, {"'retrievalStartDate'", "'earliest'", "'soon'"}},
           {{{"onMissingTarget", "stop"}}, {"'onMissingTarget'", "'skip' or 'hold'"}},
           {{{"maxBatchBytes", "10"}}, {"'maxBatchBytes'", "from 1 KiB"}},
           {{{"maxBatchBytes", "1 GiB"}}, {"'maxBatchBytes'", "to 64 MiB"}},
           {{{"maxQueuedBytes", "much"}}, {"'maxQueuedBytes'", "a size"}},
           {{{"maxQueuedBytes", "1 MiB"}}, {"'maxQueuedBytes'", "'maxBatchBytes'"}},
           {{{"topic", "^a.*"}}, {"'topic'", "one topic"}},
           {{{"topic", ""}}, {"'topic'", "required"}},
           {{{"table", ""}}, {"'table'", "required", "routing=true"}},
           {{{"table", "a\nb"}}, {"control"}},
           {{{"table", std::string(100'000, 'x')}}, {"'table'", "64 KiB"}},
           {{{"securityProtocol", "tls"}}, {"'securityProtocol'", "sasl_ssl"}},
           {{{"securityProtocol", "sasl_ssl"}}, {"'username' and 'password'", "required"}},
           {{{"username", "u"}}, {"'username'", "securityProtocol='sasl_ssl'"}},
           {{{"saslMechanism", "GSSAPI"}}, {"'saslMechanism'", "SCRAM-SHA-256"}},
           {{{"caLocation", "/etc/ca.pem"}}, {"'caLocation'", "'file:NAME'"}},
           {{{"caLocation", "file:ca.pem"}}, {"'caLocation'", "securityProtocol='ssl'"}},
           {{{"brokers", "a:1"}}, {"'brokers'", "in parentheses"}},
           {{{"eventHubName", "h"}}, {"kind kafka", "'eventHubName'", "it has: brokers"}},
           {{{"colour", "blue"}}, {"'colour'", "deadLetterTable"}}}) {
    std::string message = error_of([&] { kafka(c.properties); });
    for (std::string_view part : c.message) EXPECT_THAT(message, HasSubstr(std::string(part)));
  }
  EXPECT_THAT(error_of([] {
                event_hub({{"table", "T"}, {"password", "x"}});
              }),
              HasSubstr("kind eventhub has no property 'password'"));
  EXPECT_THAT(error_of([] {
                event_hub({{"table", "T"}, {"eventHubName", "other"}});
              }),
              HasSubstr("EntityPath"));
}

TEST(ConnectionSettings, NoErrorRepeatsASecret) {
  constexpr std::string_view kEndpoint = "Endpoint=sb://ns.servicebus.windows.net/;";
  for (std::string source :
       {std::string("s3cret"), std::string("s3cret="), std::string(kEndpoint) + "s3cret",
        std::string(kEndpoint) + "SharedAccessKey=s3cret",
        std::string(kEndpoint) + "SharedAccessKeyName=listen;SharedAccessKy=s3cret",
        std::string(kEndpoint) + "SharedAccessKeyName=listen;SharedAccessSignature=s3cret",
        std::string(kEndpoint) + "SharedAccessKeyName=x;SharedAccessKey=s3cret;EntityPath=a b",
        std::string(kEndpoint) +
            "SharedAccessKeyName=x;SharedAccessKey=s3cret;UseDevelopmentEmulator=s3cret",
        std::string(kEndpoint) + "SharedAccessKeyName=x;SharedAccessKey=s3cret",
        std::string("Endpoint=https://s3cret/;SharedAccessKeyName=x;SharedAccessKey=s3cret"),
        std::string("Endpoint=sb://s3cret:x/;SharedAccessKeyName=x;SharedAccessKey=s3cret"),
        std::string("Endpoint=sb://;SharedAccessKeyName=x;SharedAccessKey=s3cret"),
        std::string("SharedAccessKeyName=x;SharedAccessKey=s3cret;EntityPath=hub")}) {
    EXPECT_THAT(error_of([&] {
                  event_hub({{"table", "T"}}, source);
                }),
                AllOf(Not(HasSubstr("s3cret")), Not(HasSubstr("no error"))))
        << source;
    EXPECT_THAT(error_of([&] { kafka({}, source); }),
                AllOf(Not(HasSubstr("s3cret")), HasSubstr("'HOST:PORT,HOST:PORT'")));
  }
  for (std::string_view brokers : {"", "a", "a:", "a:0", "a:70000", "a:1,", "a b:1", "[::1:2"}) {
    EXPECT_THAT(error_of([&] { kafka({}, brokers); }), HasSubstr("'brokers'")) << brokers;
  }
}

TEST(ConnectionSettings, OffsetsMeanNothingInAnotherNamespace) {
  std::string other(kHub);
  other.replace(other.find("//ns"), 4, "//n2");
  std::string other_key(kHub);
  other_key.replace(other_key.find("s3cret"), 6, "fresh!");
  ConnectionSettings before = event_hub({{"table", "T"}});
  EXPECT_FALSE(is_same_source(before, change_settings(before, {{"connectionString", other}})));
  EXPECT_TRUE(is_same_source(before, change_settings(before, {{"connectionString", other_key}})));
  EXPECT_TRUE(is_same_source(before, event_hub({{"table", "T"}}, "file:hub")));
  EXPECT_TRUE(is_same_source(kafka({}), kafka({}, "b:1")));
  EXPECT_FALSE(is_same_source(before, kafka({})));
}

TEST(BrokerAccess, SecretsAreLookedUp) {
  TemporaryDirectory directory;
  std::ofstream(directory.path() / "hub") << kHub << "\n";
  std::ofstream(directory.path() / "password") << "s3cret\n";
  std::ofstream(directory.path() / "ca") << "-----BEGIN CERTIFICATE-----\n";
  Secrets secrets(directory.path());
  BrokerAccess access =
      broker_access(event_hub({{"table", "T"}, {"caLocation", "file:ca"}}, "file:hub"), secrets);
  EXPECT_EQ(access.topic, "hub");
  EXPECT_EQ(access.password, kHub);
  EXPECT_EQ(access.ca_pem, "-----BEGIN CERTIFICATE-----");
  EXPECT_EQ(broker_access(kafka({{"securityProtocol", "sasl_plaintext"},
                                 {"username", "u"},
                                 {"password", "file:password"}}),
                          secrets)
                .password,
            "s3cret");
  // A reference to something else says so without repeating it.
  EXPECT_THAT(error_of([&] {
                broker_access(event_hub({{"table", "T"}}, "file:password"), secrets);
              }),
              AllOf(HasSubstr("connection string"), Not(HasSubstr("s3cret"))));
}

TEST(BrokerAccess, Endpoints) {
  auto access_of = [](std::string endpoint, Properties properties = {}) {
    properties.try_emplace("table", "T");
    return broker_access(event_hub(properties, "Endpoint=" + endpoint +
                                                   ";SharedAccessKeyName=x;SharedAccessKey=y;"
                                                   "EntityPath=hub"),
                         Secrets());
  };
  EXPECT_EQ(access_of("sb://h").brokers, "h:9093");
  EXPECT_EQ(access_of("SB://h:7/").brokers, "h:7");
  EXPECT_EQ(access_of("sb://[::1]:7/").brokers, "[::1]:7");
  BrokerAccess emulator = access_of("sb://localhost;UseDevelopmentEmulator=true");
  EXPECT_EQ(emulator.brokers, "localhost:9092");
  EXPECT_EQ(emulator.security_protocol, "sasl_plaintext");
  EXPECT_EQ(emulator.password.substr(0, 8), "Endpoint");
  BrokerAccess plain = access_of("sb://h:7", {{"securityProtocol", "plaintext"}});
  EXPECT_EQ(plain.security_protocol, "plaintext");
  EXPECT_EQ(plain.password, "");
  // The string of a namespace: the hub is a property.
  EXPECT_EQ(broker_access(event_hub({{"table", "T"}, {"eventHubName", "h"}},
                                    "Endpoint=sb://n/;SharedAccessKeyName=x;SharedAccessKey=y"),
                          Secrets())
                .topic,
            "h");
}

}  // namespace
}  // namespace rivulet::sources
