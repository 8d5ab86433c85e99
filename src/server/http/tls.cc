#include "server/http/tls.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <boost/asio/buffer.hpp>

namespace rivulet::server {
namespace {

namespace ssl = boost::asio::ssl;

std::string content_of(std::string_view setting, const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::stringstream content;
  if (in) content << in.rdbuf();
  if (!in || !content) {
    throw SettingsError(fmt::format("{}: {} cannot be read: {}", setting, file,
                                    errno != 0 ? std::strerror(errno) : "it is empty"));
  }
  return content.str();
}

}  // namespace

std::unique_ptr<ssl::context> make_tls_context(const Settings& settings) {
  if (settings.tls_certificate.empty()) return nullptr;
  std::string chain = content_of("tls_certificate", settings.tls_certificate);
  std::string key = content_of("tls_key", settings.tls_key);
  auto tls = std::make_unique<ssl::context>(ssl::context::tls_server);
  tls->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                   ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  // Without it the library would ask for a passphrase at the terminal.
  auto is_encrypted = std::make_shared<bool>(false);
  tls->set_password_callback([is_encrypted](size_t, ssl::context::password_purpose) {
    *is_encrypted = true;
    return std::string();
  });
  boost::system::error_code error;
  tls->use_private_key(boost::asio::buffer(key), ssl::context::pem, error);
  if (error) {
    throw SettingsError(fmt::format("tls_key: {} {}", settings.tls_key,
                                    *is_encrypted
                                        ? "is protected by a passphrase: give a key without one"
                                        : "holds no private key in PEM form"));
  }
  tls->use_certificate_chain(boost::asio::buffer(chain), error);
  if (error) {
    throw SettingsError(fmt::format("tls_certificate: {} holds no certificate in PEM form",
                                    settings.tls_certificate));
  }
  if (SSL_CTX_check_private_key(tls->native_handle()) != 1) {
    throw SettingsError(fmt::format("tls_key: {} is not the key of the certificate in {}",
                                    settings.tls_key, settings.tls_certificate));
  }
  return tls;
}

}  // namespace rivulet::server
