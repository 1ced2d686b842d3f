// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/format.h"

#include "service/audit_read/cef.h"
#include "service/audit_read/ocsf.h"
#include "service/audit_read/weight.h"
#include "service/audit_verify/print.h"

namespace kw::audit_sinks {

std::string format_record(const audit_verify::DecodedRecord& record, SinkOptions::Format format) {
  switch (format) {
    case SinkOptions::Format::Json:
      return audit_verify::to_json(record);
    case SinkOptions::Format::Cef:
      return audit_read::to_cef(record);
    case SinkOptions::Format::Ocsf:
      return audit_read::to_ocsf(record);
  }
  return {};
}

int syslog_level(const audit_verify::DecodedRecord& record) noexcept {
  switch (audit_read::weight_of(record)) {
    case audit_read::Weight::Routine:
      return 6;
    case audit_read::Weight::Refused:
      return 5;
    case audit_read::Weight::Denied:
      return 4;
    case audit_read::Weight::Failed:
      return 3;
    case audit_read::Weight::Alarm:
      return 1;
  }
  return 6;
}

}  // namespace kw::audit_sinks
