#pragma once

#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "common/settings.h"

namespace rivulet::server {

// TLS 1.2 and later with the certificate of the settings; null when they name none. Throws SettingsError
// when a file cannot be read, is not what it should be, or the key is not the certificate's.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(const Settings& settings);

}  // namespace rivulet::server
