#!/usr/bin/env bash
# Sees to the system's programs that the tests drive: installs them with apt where it may, else names what is missing.
# In CI a missing one is a failure.
set -euo pipefail

find_missing() {
  missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  command -v gcc >/dev/null || missing+=(gcc)
  command -v g++ >/dev/null || missing+=(g++)
  command -v edid-decode >/dev/null || missing+=(edid-decode)
  command -v nbdinfo >/dev/null || missing+=(libnbd-bin)
  command -v nbdfuse >/dev/null || missing+=(libnbd-bin)
  /usr/bin/python3 -c 'import nbd' 2>/dev/null || missing+=(python3-libnbd)
  command -v qemu-io >/dev/null || missing+=(qemu-utils)
  command -v nbdkit >/dev/null || missing+=(nbdkit)
  command -v fio >/dev/null || missing+=(fio)
  command -v psktool >/dev/null || missing+=(gnutls-bin)
  [ -x /sbin/mkfs.ext4 ] || missing+=(e2fsprogs)
  [ -n "$(fc-list 'DejaVu Sans' 2>/dev/null || true)" ] || missing+=(fontconfig fonts-dejavu-core)
}

find_missing
if [ "${#missing[@]}" -gt 0 ] && [ "$EUID" -eq 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  echo "installing with apt: ${missing[*]}"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null || true
  hash -r
  find_missing
fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "missing for the tests: ${missing[*]}" >&2
  [ "${CI:-}" != true ] || exit 1
fi
