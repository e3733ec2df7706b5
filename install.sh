#!/usr/bin/env bash
# Builds, installs, shows and tests elves-heartbeat; `./install.sh --help` lists the commands.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
NAME=elves-heartbeat
USER_NAME=$NAME
UNIT_DIR=/etc/systemd/system
COMPLETION_DIR=/usr/share/bash-completion/completions
BINARY=$ROOT/dist/$NAME
TOOLCHAIN=$ROOT/.toolchain

# What the code is developed and tested on, and the oldest Deno that builds it.
DENO_VERSION=2.9.6
DENO_LEAST=2.4.2
# The npm way to a runtime (see runtime_from_npm): a published runtime exists for exactly this version.
NPM_RUNTIME_VERSION=2.4.2
NPM_RUNTIME_SHA256=9209c6262bb6fe821ad676e4ed2a59bad5a6625ae69b261a1e3f035053c556e4

# SHA-512 of the npm packages that may be fetched; other ones are refused.
declare -A NPM_SHA512=(
  [@deno/linux-x64-glibc@2.9.6]=de67784ca2c2bb3b0b0e67cea02e4a37b34065ac525643209bae2f83a7e80f4d090400c2a584b6ff942a5dfce09cfe59433de22cff6f05026d120735d7a380a1
  [@deno/linux-x64-glibc@2.4.2]=2f30cbcab44e9b6a31b7683cb231ba9e26166996acfc72c193836ce6a1217f66c6683afc2dcab6e154e74e164b7a92d42adf1c4df4f73465f73196562b049598
  [@vltpkg/cli-linux-x64@0.0.0-18]=790bec4cb34ab2803fb07f34367d6210abbe2e1db89266c1f7b7438e19f7e29cb6dd773afbfb88e3c50d1b693f4d01487157fb49c9309eb93cd0bd341f1d5e5c
)

# Memory before speed of allocation: 100,000 new agents at once took 296 MB for a while without these flags and 99 MB
# with them, at an eighth more CPU time during that flood and none to speak of otherwise (measured).
# Not --no-incremental-marking-task: Deno 2.4.2 does the steps of a full collection, which are tasks, without a turn of the
# event loop in between. Without tasks such a collection holds beats up for 30 ms in place of 45 to 70, but 100,000 agents
# then take 105 MB in place of 78 (measured), and with --no-incremental-marking single pauses are 40 to 100 ms.
V8_FLAGS=--v8-flags=--max-semi-space-size=4,--heap-growing-percent=30

# What the executable may do, for ever: serve and connect, read its files, read these variables; nothing else.
PERMISSIONS=(--no-prompt --allow-net --allow-read --allow-write
  "--allow-env=JOURNAL_STREAM,NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID,NO_COLOR,TERM,NO_PROXY")
# Datagram sockets, for systemd's.
UNSTABLE=--unstable-net

usage() {
  cat <<EOF
Usage: ./install.sh [COMMAND] [OPTION...]

  install     build and install (the default command)
  build       build dist/$NAME
  demo        show it at work: a private RabbitMQ, a small simulated fleet, questions and answers;
              with --once it ends after the first round
  test        run all checks and tests
  uninstall   remove what install put there; the configuration and the data stay

  --prefix DIR   where to install to (default /opt/elves/$NAME)
  --no-build     install: take dist/$NAME as it is
  --no-service   install: put files under the prefix and change nothing else of this system
  --help         show this text
EOF
}

say() { printf '%s\n' "$*"; }

die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

refuse() {
  printf 'install.sh: %s\n\n' "$*" >&2
  usage >&2
  exit 2
}

# --- long steps ------------------------------------------------------------------------------------------------------

TEMPORARY=()
TICKER=
BESIDE=

cleanup() {
  [ -z "$TICKER" ] || kill "$TICKER" 2>/dev/null || true
  # Bash has what runs in the background ignore Ctrl-C.
  [ -z "$BESIDE" ] || { pkill -P "$BESIDE" || kill "$BESIDE"; } 2>/dev/null || true
  [ ${#TEMPORARY[@]} -eq 0 ] || rm -rf "${TEMPORARY[@]}"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# temp_dir PARENT: sets TEMP_DIR to a new folder that is removed at the end, like all that TEMPORARY lists.
temp_dir() {
  TEMP_DIR=$(mktemp -d "$1/tmp.XXXXXXXX")
  TEMPORARY+=("$TEMP_DIR")
}

# quietly LABEL COMMAND...: keeps the output back and shows it only when the command fails; a line every 10 s meanwhile.
quietly() {
  local label=$1 status=0
  shift
  temp_dir "${TMPDIR:-/tmp}"
  local log=$TEMP_DIR/log
  say "$label"
  (
    seconds=0
    while sleep 10 >/dev/null 2>&1 9>&- && kill -0 $$ 2>/dev/null; do say "  ... $((seconds += 10)) s"; done
  ) &
  TICKER=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$TICKER" 2>/dev/null || true
  wait "$TICKER" 2>/dev/null || true
  TICKER=
  [ $status -eq 0 ] || cat "$log" >&2
  return $status
}

# --- toolchain -------------------------------------------------------------------------------------------------------

# Concurrent runs in one checkout wait for each other; what an interrupted run left behind goes.
lock_toolchain() {
  mkdir -p "$TOOLCHAIN"
  exec 9>"$TOOLCHAIN/lock"
  flock --nonblock 9 || { say "waiting for another install.sh in this folder"; flock 9; }
  rm -rf "$TOOLCHAIN"/tmp.*
}

unlock_toolchain() { exec 9>&-; }

# npm_file PACKAGE@VERSION MEMBER TARGET: one file out of a pinned npm package, there as a whole or not at all.
npm_file() {
  local package=$1 member=$2 target=$3
  [ -n "${NPM_SHA512[$package]:-}" ] || die "no checked $package is known for this machine ($(uname -sm))"
  command -v npm >/dev/null || die "npm is needed to fetch $package, and there is none on PATH"
  temp_dir "$TOOLCHAIN"
  local dir=$TEMP_DIR
  quietly "fetching $package from npm" npm pack --pack-destination "$dir" "$package" ||
    die "npm could not fetch $package"
  local tarballs=("$dir"/*.tgz)
  printf '%s  %s\n' "${NPM_SHA512[$package]}" "${tarballs[0]}" | sha512sum --check --status ||
    die "$package from npm is not the pinned one: its SHA-512 differs"
  tar -xzf "${tarballs[0]}" -C "$dir" "package/$member"
  chmod 755 "$dir/package/$member"
  mv -f "$dir/package/$member" "$target"
  rm -rf "$dir"
}

deno_version() { "$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9.]*\).*/\1/p' || true; }

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# npm_deno VERSION: sets DENO to that version from npm.
npm_deno() {
  local arch
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) arch=$(uname -m) ;;
  esac
  DENO=$TOOLCHAIN/deno-$1
  if [ ! -x "$DENO" ]; then
    npm_file "@deno/linux-$arch-glibc@$1" deno "$DENO.new"
    [ "$(deno_version "$DENO.new")" = "$1" ] || die "Deno $1 from npm does not run on this machine (it needs glibc)"
    mv -f "$DENO.new" "$DENO"
  fi
}

# find_deno: sets DENO to the one on PATH when it is new enough, else to the development version from npm.
find_deno() {
  local version
  if DENO=$(command -v deno); then
    version=$(deno_version "$DENO")
    if [ -n "$version" ] && at_least "$version" "$DENO_LEAST"; then return; fi
    say "deno on PATH is ${version:-broken}; $DENO_LEAST or later is needed"
  fi
  npm_toolchain_or_explain
  npm_deno "$DENO_VERSION"
}

# find_development_deno: the formatter and the linter differ between versions, so checks want the pinned one.
find_development_deno() {
  if DENO=$(command -v deno) && [ "$(deno_version "$DENO")" = "$DENO_VERSION" ]; then return; fi
  if command -v npm >/dev/null && [ "$(uname -m)" = x86_64 ]; then npm_deno "$DENO_VERSION"; else find_deno; fi
}

npm_toolchain_or_explain() {
  [ "$(uname -sm)" = "Linux x86_64" ] && command -v npm >/dev/null && return
  die "Deno $DENO_LEAST or later is needed. Put \`deno\` on PATH (any way that Deno's manual names);
  on Linux x86_64 with npm on PATH it is fetched by itself. Here: $(uname -sm), npm: $(command -v npm || echo none)"
}

# find_compiler: sets DENO, RUNTIME (the executable that `deno compile` adds the program to; empty: Deno's own download)
# and ORIGIN, which tells where that runtime comes from.
find_compiler() {
  RUNTIME=$TOOLCHAIN/denort-$NPM_RUNTIME_VERSION
  if [ -n "${DENORT_BIN:-}" ]; then
    [ -f "$DENORT_BIN" ] || die "DENORT_BIN names no file: $DENORT_BIN"
    find_deno
    RUNTIME=$DENORT_BIN ORIGIN="runtime from DENORT_BIN"
  elif [ -f "$RUNTIME" ]; then
    use_npm_runtime
  else
    find_deno
    if runtime_from_deno; then
      RUNTIME='' ORIGIN="runtime from Deno's release host"
    else
      npm_toolchain_or_explain
      runtime_from_npm
      use_npm_runtime
    fi
  fi
}

use_npm_runtime() {
  npm_deno "$NPM_RUNTIME_VERSION"
  ORIGIN="runtime from npm @vltpkg/cli-linux-x64@0.0.0-18"
}

# Deno downloads its runtime when it first compiles something, so let it compile an empty program, within bounds.
runtime_from_deno() {
  temp_dir "$TOOLCHAIN"
  : >"$TEMP_DIR/empty.js"
  local probe=$TEMP_DIR
  say "asking Deno's release host for the runtime (at most 2 minutes)"
  if timeout --foreground 120 "$DENO" compile --no-config --no-lock --quiet --output "$probe/empty" "$probe/empty.js" \
    >"$probe/log" 2>&1 </dev/null; then
    return
  fi
  say "no runtime from there: $(grep -m 1 -o -E 'error sending request.*' "$probe/log" || tail -n 1 "$probe/log")"
  return 1
}

# Networks that reach an npm registry only: this package holds programs made by `deno compile`, that is, Deno's own
# runtime with a program appended. The last 8 bytes tell the length N of what was appended; a magic word of 8 stands
# before them. Cut off, the runtime of Deno 2.4.2 remains, byte for byte.
runtime_from_npm() {
  say "taking the runtime of Deno $NPM_RUNTIME_VERSION out of an npm package instead (180 MB, once); its SHA-256 is pinned"
  local program=$TOOLCHAIN/vlx size appended
  npm_file @vltpkg/cli-linux-x64@0.0.0-18 vlx "$program"
  size=$(stat -c %s "$program")
  appended=$(tail -c 8 "$program" | od -An -tu8 | tr -d ' ')
  head -c $((size - 16 - appended)) "$program" >"$RUNTIME.new"
  rm -f "$program"
  printf '%s  %s\n' "$NPM_RUNTIME_SHA256" "$RUNTIME.new" | sha256sum --check --status ||
    die "the runtime in the npm package is not the pinned one: its SHA-256 differs"
  chmod 755 "$RUNTIME.new"
  mv -f "$RUNTIME.new" "$RUNTIME"
}

# --- build -----------------------------------------------------------------------------------------------------------

build_binary() {
  lock_toolchain
  find_compiler
  mkdir -p "$ROOT/dist"
  temp_dir "$TOOLCHAIN"
  local dir=$TEMP_DIR excluded=()
  write_build_info
  exclude_unused
  quietly "compiling with Deno $(deno_version "$DENO"), $ORIGIN" \
    compile "$dir/$NAME" "${excluded[@]}" || die "the build failed"
  env -i "$dir/$NAME" version >"$dir/version" 2>&1 || {
    cat "$dir/version" >&2
    die "the built executable does not run"
  }
  mv -f "$dir/$NAME" "$BINARY"
  sed 's/^/  /' "$dir/version"
  unlock_toolchain
  say "built dist/$NAME, $(($(stat -c %s "$BINARY") / 1000000)) MB"
}

# compile TARGET EXCLUDE...: RUST_MIN_STACK because the compiler of 2.4.2 overflows its stack without it;
# no code cache because Deno would keep it under a predictable name in /tmp.
compile() {
  local target=$1
  shift
  [ -z "$RUNTIME" ] || export DENORT_BIN=$RUNTIME
  cd "$ROOT" && RUST_MIN_STACK=67108864 "$DENO" compile --frozen --no-code-cache "$V8_FLAGS" "${PERMISSIONS[@]}" \
    "$UNSTABLE" --include dist/build.json --include src/store/worker.ts \
    --include src/thrift/workers/worker.ts --include src/mq/large/worker.ts "$@" --output "$target" src/main.ts
}

# What `elves-heartbeat version` tells; compiled in beside the sources.
write_build_info() {
  local version commit
  version=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$ROOT/deno.json")
  commit=$(git -C "$ROOT" -c safe.directory="$ROOT" describe --tags --always --dirty 2>/dev/null || echo unknown)
  printf '{ "version": "%s", "commit": "%s", "runtime": "%s" }\n' "$version" "$commit" "$ORIGIN" >"$ROOT/dist/build.json"
}

# `deno compile` embeds every npm package of the lock file, whole, and the executable is read into memory at every start.
# Sets `excluded` to leave out packages that the program does not reach, those of the tests, and of the others what is
# there for people and compilers: half of what is left.
exclude_unused() {
  local sign package folder file
  quietly "fetching the npm packages of deno.lock" list_modules "$dir/modules.json" ||
    die "the dependencies of src/main.ts could not be resolved"
  "$DENO" eval --no-config '
    const { modules, npmPackages } = JSON.parse(Deno.readTextFileSync(Deno.args[0]));
    const reached = new Set(modules.map((module) => module.npmPackage));
    for (const id of reached) npmPackages[id]?.dependencies.forEach((dependency) => reached.add(dependency));
    for (const [id, { name, version }] of Object.entries(npmPackages)) {
      console.log(reached.has(id) ? "+" : "-", name + "/" + version);
    }' "$dir/modules.json" >"$dir/packages"
  while read -r sign package; do
    for folder in "$DENO_DIR"/npm/*/"$package"; do
      if [ "$sign" = - ]; then
        excluded+=(--exclude "$folder")
      elif [ -d "$folder" ]; then
        while read -r file; do excluded+=(--exclude "$file"); done < <(find "$folder" -type d -name test -prune -print -o \
          -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' -o -name '*.md' \) -print)
      fi
    done
  done <"$dir/packages"
}

list_modules() { cd "$ROOT" && "$DENO" info --json src/main.ts >"$1"; }

# --- install ---------------------------------------------------------------------------------------------------------

install_all() {
  if [ "$BUILD" = yes ]; then build_binary; fi
  [ -x "$BINARY" ] || die "dist/$NAME is missing: run ./install.sh build"
  decide_service
  local folder
  for folder in "$PREFIX" "$PREFIX/conf"; do
    [ -d "$folder" ] || install -d -m 755 "$folder" 2>/dev/null || die "cannot create $folder"
  done
  if [ "$SERVICE" = yes ]; then ensure_user; fi
  put 755 "$BINARY" "$PREFIX/$NAME"
  put_conf
  put 644 "$ROOT/conf/alerts.yml" "$PREFIX/conf/alerts.yml"
  put 644 "$ROOT/conf/grafana-dashboard.json" "$PREFIX/conf/grafana-dashboard.json"
  put_unit
  put_completion
  say "installed $("$PREFIX/$NAME" version | head -n 1) to $PREFIX"
  advise
}

# A unit needs root, and its sandbox (PrivateTmp, ProtectHome) hides the folders named here from the program.
decide_service() {
  if [ "$SERVICE" = yes ] && [ "$(id -u)" != 0 ]; then
    SERVICE=no
    say "not root: no user and no systemd unit are set up"
  fi
  case $PREFIX/ in
    /tmp/* | /var/tmp/* | /home/* | /root/* | /run/user/*)
      [ "$SERVICE" = no ] || say "$PREFIX is no place for a service: no user and no systemd unit are set up"
      SERVICE=no
      ;;
  esac
}

ensure_user() {
  id -u "$USER_NAME" >/dev/null 2>&1 && return
  quietly "creating the system user $USER_NAME" useradd --system --user-group --no-create-home \
    --home-dir /nonexistent --shell /usr/sbin/nologin "$USER_NAME" || die "the system user could not be created"
}

# put MODE SOURCE TARGET: replaced in one step, also while the old file is being executed.
put() {
  cp "$2" "$3.installing"
  chmod "$1" "$3.installing"
  mv -f "$3.installing" "$3"
}

# The defaults that came with the last install are kept as conf.properties.default, so that only changed ones are
# put beside a conf.properties that stands.
put_conf() {
  local source=$ROOT/conf/conf.properties conf=$PREFIX/conf/conf.properties
  if [ ! -e "$conf" ]; then
    put 640 "$source" "$conf"
  elif ! cmp -s "$source" "$conf.default" && ! cmp -s "$source" "$conf"; then
    put 640 "$source" "$conf.new"
    say "kept conf/conf.properties; the new defaults are beside it in conf/conf.properties.new"
  fi
  put 644 "$source" "$conf.default"
  # It may hold passwords: for root and the service only.
  if [ "$SERVICE" = yes ]; then chown "root:$USER_NAME" "$conf" && chmod 640 "$conf"; fi
}

put_unit() {
  local unit=$PREFIX/conf/$NAME.service
  sed "s|/opt/elves/$NAME|$PREFIX|g" "$ROOT/conf/$NAME.service" >"$unit.installing"
  chmod 644 "$unit.installing"
  mv -f "$unit.installing" "$unit"
  if [ "$SERVICE" = yes ]; then
    mkdir -p "$UNIT_DIR"
    put 644 "$unit" "$UNIT_DIR/$NAME.service"
    reload_systemd
  fi
}

put_completion() {
  [ "$SERVICE" = yes ] || return 0
  temp_dir "${TMPDIR:-/tmp}"
  "$PREFIX/$NAME" completion bash >"$TEMP_DIR/completion" || die "the executable prints no completion"
  mkdir -p "$COMPLETION_DIR"
  put 644 "$TEMP_DIR/completion" "$COMPLETION_DIR/$NAME"
}

# old_processes: the ids of those that still run the executable that was replaced, as far as this user may know.
old_processes() {
  local process
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe" 2>/dev/null)" != "$PREFIX/$NAME (deleted)" ] || printf '%s ' "${process#/proc/}"
  done
}

systemd_runs() { [ -d /run/systemd/system ]; }

reload_systemd() {
  if systemd_runs; then systemctl daemon-reload; fi
}

advise() {
  local running
  running=$(old_processes)
  say ""
  [ -z "$running" ] || say "the program that was there before still runs (process ${running% }) until it is restarted"
  say "next:"
  say "  edit   $PREFIX/conf/conf.properties"
  say "  check  $PREFIX/$NAME check"
  if [ "$SERVICE" = no ]; then
    say "  (set data.dir there to a folder of its own, if this is not the only installation)"
    [ -z "$running" ] || say "  stop   kill ${running% }"
    say "  start  $PREFIX/$NAME"
  elif systemd_runs && systemctl --quiet is-active "$NAME"; then
    say "  restart the running service: systemctl restart $NAME"
  else
    say "  start  systemctl enable --now $NAME"
  fi
}

uninstall() {
  local unit=$UNIT_DIR/$NAME.service ours=no
  if [ ! -e "$PREFIX/$NAME" ] && [ ! -d "$PREFIX/conf" ]; then
    say "nothing to remove in $PREFIX"
    return
  fi
  if [ -e "$unit" ] && grep -q -F "ExecStart=$PREFIX/$NAME " "$unit"; then
    [ "$(id -u)" = 0 ] || die "$unit belongs to this installation: uninstall as root"
    if systemd_runs; then quietly "stopping the service" systemctl disable --now "$NAME"; fi
    rm -f "$unit" "$COMPLETION_DIR/$NAME"
    reload_systemd
    ours=yes
  fi
  rm -f "$PREFIX/$NAME"
  local file
  for file in "$NAME.service" conf.properties.default alerts.yml grafana-dashboard.json; do
    rm -f "$PREFIX/conf/$file"
  done
  say "removed $NAME from $PREFIX"
  report_kept "configuration" "$PREFIX/conf"
  # Without a unit of its own the data is wherever data.dir says, and may belong to another installation.
  [ "$ours" = no ] || report_kept "data" "/var/lib/$NAME"
  if [ "$ours" = yes ] && id -u "$USER_NAME" >/dev/null 2>&1; then say "kept the system user $USER_NAME, to whom data may belong"; fi
}

report_kept() {
  [ ! -d "$2" ] || say "kept the $1 in $2; to remove: rm -r $2"
}

# --- demo and test ---------------------------------------------------------------------------------------------------

# ensure PROGRAM...: brings the Debian packages of those that are missing, without starting the services in them.
ensure() {
  local program packages=() policy=/usr/sbin/policy-rc.d
  for program in "$@"; do
    case $program in
      rabbitmq) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || packages+=(rabbitmq-server) ;;
      zookeeper) [ -f /usr/share/java/zookeeper.jar ] || packages+=(libzookeeper-java) ;;
      java) command -v java >/dev/null || packages+=(default-jre-headless) ;;
      chromium) command -v chromium >/dev/null || packages+=(chromium) ;;
      chinese-font) has_chinese_font || packages+=(fonts-wqy-microhei) ;;
      promtool) command -v promtool >/dev/null || packages+=(prometheus) ;;
      haproxy) [ -x /usr/sbin/haproxy ] || packages+=(haproxy) ;;
      faketime) command -v faketime >/dev/null || packages+=(faketime) ;;
      systemd-analyze) command -v systemd-analyze >/dev/null || packages+=(systemd) ;;
    esac
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "missing: ${packages[*]}. On Debian and Ubuntu, as root: apt-get install ${packages[*]}; then run this again"
  fi
  quietly "updating the list of Debian packages" apt-get -q -o DPkg::Lock::Timeout=300 update ||
    die "apt-get update failed"
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    TEMPORARY+=("$policy")
  fi
  DEBIAN_FRONTEND=noninteractive quietly "installing ${packages[*]}" \
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${packages[@]}" ||
    die "apt-get install failed"
}

has_chinese_font() {
  compgen -G '/usr/share/fonts/*/wqy/*' >/dev/null || compgen -G '/usr/share/fonts/*/noto/*CJK*' >/dev/null
}

demo() {
  ensure rabbitmq
  lock_toolchain
  find_deno
  unlock_toolchain
  local deno=$DENO
  build_binary
  cleanup
  cd "$ROOT"
  exec "$deno" run --quiet --no-prompt --allow-net --allow-read --allow-write --allow-run --allow-env --allow-sys \
    tests/demo/main.ts "$@"
}

PASSED=0
FAILED=0

# step COMMAND...: counts as one test.
step() {
  local shown=${*/#"$DENO"/deno}
  say ""
  say "== $shown"
  if "$@"; then
    PASSED=$((PASSED + 1))
  else
    FAILED=$((FAILED + 1))
    say "== FAILED: $shown"
  fi
}

test_all() {
  cd "$ROOT"
  ensure rabbitmq zookeeper java systemd-analyze chromium chinese-font promtool haproxy faketime
  lock_toolchain
  find_development_deno
  unlock_toolchain
  step ./install.sh build
  step "$DENO" fmt --check
  step "$DENO" lint
  step "$DENO" check --quiet src tests
  run_tests
  say ""
  say "$PASSED passed, $FAILED failed"
  [ "$FAILED" -eq 0 ]
}

# Most tests wait for servers and for time to pass: two runs side by side take little more than the longer one. What the
# second one writes is shown when the first has ended.
run_tests() {
  local rest reports
  temp_dir "${TMPDIR:-/tmp}"
  reports=$TEMP_DIR
  mapfile -t rest < <(find tests -mindepth 1 -maxdepth 1 ! -name e2e ! -name bench ! -name demo ! -name soak | sort)
  test_run "$reports/rest" "${rest[@]}" >"$reports/rest.log" 2>&1 &
  BESIDE=$!
  say ""
  say "== deno test tests/e2e, and beside it all other tests"
  test_run "$reports/e2e" tests/e2e
  count_tests "$reports/e2e"
  say ""
  say "== deno test ${rest[*]}"
  while kill -0 "$BESIDE" 2>/dev/null; do
    say "... still running"
    sleep 20
  done
  wait "$BESIDE" || true
  BESIDE=
  cat "$reports/rest.log"
  count_tests "$reports/rest"
}

# test_run REPORT PATH...: leaves REPORT.xml (JUnit) and the exit code in REPORT.status.
test_run() {
  local report=$1 status=0
  shift
  "$DENO" test --no-prompt --allow-all --sanitize-ops --sanitize-resources --junit-path="$report.xml" "$@" </dev/null || status=$?
  echo $status >"$report.status"
}

# The counts come from the JUnit report, which is written only when the run came to its end and does not know of errors
# outside of tests; the exit code tells of both.
count_tests() {
  local report=$1.xml status total failed skipped
  status=$(cat "$1.status" 2>/dev/null || echo "unknown")
  total=$(report_sum testsuites tests)
  failed=$(report_sum testsuites failures)
  skipped=$(report_sum testsuite disabled)
  if [ "$total" -eq 0 ] || { [ "$status" != 0 ] && [ "$failed" -eq 0 ]; }; then
    say "== FAILED: the test run itself, exit code $status, $total tests reported"
    failed=$((failed + 1)) total=$((total + 1))
  fi
  [ "$skipped" -eq 0 ] || say "$skipped skipped"
  PASSED=$((PASSED + total - failed - skipped)) FAILED=$((FAILED + failed))
}

# report_sum ELEMENT ATTRIBUTE: the sum of a number over the elements of the report.
report_sum() {
  [ -f "$report" ] || { echo 0; return; }
  sed -n "s/^ *<$1 .* $2=\"\([0-9]*\)\".*/\1/p" "$report" | awk '{ sum += $1 } END { print sum + 0 }'
}

# --- command line ----------------------------------------------------------------------------------------------------

COMMAND=
PREFIX=/opt/elves/$NAME
BUILD=yes
SERVICE=yes
DEMO_ARGS=()

parse_args() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --prefix)
        [ $# -ge 2 ] || refuse "--prefix needs a folder"
        PREFIX=$2
        shift
        ;;
      --prefix=*) PREFIX=${1#*=} ;;
      --no-build) BUILD=no ;;
      --no-service) SERVICE=no ;;
      --once) DEMO_ARGS+=("$1") ;;
      install | build | demo | test | uninstall)
        [ -z "$COMMAND" ] || refuse "one command at a time: $COMMAND, $1"
        COMMAND=$1
        ;;
      *) refuse "unknown: $1" ;;
    esac
    shift
  done
  COMMAND=${COMMAND:-install}
  [ "$COMMAND" = demo ] || [ ${#DEMO_ARGS[@]} -eq 0 ] || refuse "--once belongs to demo"
  check_prefix
}

# The prefix is written into the unit, where blanks and % have a meaning of their own.
check_prefix() {
  case $PREFIX in
    '' | *[!A-Za-z0-9/._+@-]*) refuse "--prefix may hold letters, digits and / . _ + @ - only, not \"$PREFIX\"" ;;
  esac
  PREFIX=$(realpath -m "$PREFIX")
}

parse_args "$@"
# Without symbolic links, as `deno compile` sees it: it is told what to leave out by path.
DENO_DIR=$(realpath -m "${DENO_DIR:-$TOOLCHAIN/deno-dir}")
export DENO_DIR
# Behind a proxy with an own certificate, that one is among the system's and not among Mozilla's.
export DENO_TLS_CA_STORE=${DENO_TLS_CA_STORE:-mozilla,system}
export DENO_NO_UPDATE_CHECK=1
[ -t 1 ] || export NO_COLOR=1

case $COMMAND in
  install) install_all ;;
  build) build_binary ;;
  demo) demo "${DEMO_ARGS[@]}" ;;
  test) test_all ;;
  uninstall) uninstall ;;
esac
