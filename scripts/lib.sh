# shellcheck shell=bash
# What the scripts share: packages, a throw-away cluster, a throw-away key. To be sourced at the top
# of the project, under `set -euo pipefail`. It owns the EXIT trap: what starts here ends there.

cluster='' # folder of the throw-away cluster: data, logs and socket
gnupg=''   # the throw-away GNUPGHOME
work=''    # whatever else a script needs
trap remove_all EXIT

heading() { printf '\n== %s\n' "$*"; }

# die CODE LINE… – says why on stderr, and exits
die() {
  local code=$1
  shift
  printf '%s\n' "$@" >&2
  exit "$code"
}

# ---- What must be installed

# need_tools [MORE…] – what building and running pgseal on a throw-away cluster takes
need_tools() {
  need initdb=postgresql pg_dump=postgresql-client psql=postgresql-client \
    gpg gpgconf gpg-agent certificates=ca-certificates 'cc=gcc libc6-dev' \
    nasm make autoconf automake libtoolize=libtool "$@" # the last five build ISA-L
}

# need_locale NAME – makes a UTF-8 locale that is not there
need_locale() {
  local command=(localedef -i "$1" -f UTF-8 "$1.UTF-8") as_root=()
  ! locale -a | grep -qix "$1.utf-\?8" || return 0
  if ((EUID != 0)); then
    as_root=(sudo -n)
    "${as_root[@]}" true 2>/dev/null ||
      die 3 "missing: the locale $1.UTF-8" "Run this first, as root:" "  ${command[*]}"
  fi
  heading "Making the locale $1.UTF-8"
  "${as_root[@]}" "${command[@]}" || die 3 "the locale $1.UTF-8 could not be made"
}

# need PROGRAM[=PACKAGES]… – installs the Debian packages of the programs (or files) that are not there
need() {
  local item words missing=() packages=()
  for item; do
    have "${item%%=*}" && continue
    missing+=("${item%%=*}")
    read -ra words <<<"${item#*=}"
    packages+=("${words[@]}")
  done
  ((${#missing[@]})) || return 0
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)

  local install=(apt-get install -y --no-install-recommends "${packages[@]}") as_root=()
  command -v apt-get >/dev/null ||
    die 3 "missing: ${missing[*]}" "This host has no apt-get; on Debian or Ubuntu it would be:" "  sudo ${install[*]}"
  if ((EUID != 0)); then
    as_root=(sudo -n)
    "${as_root[@]}" true 2>/dev/null ||
      die 3 "missing: ${missing[*]}" "Run this first, as root:" "  apt-get update && ${install[*]}"
  fi

  heading "Installing ${packages[*]}"
  {
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" -qq
  } >/dev/null || die 3 "the installation failed; to see why, run as root:" "  apt-get update && ${install[*]}"
  for item in "${missing[@]}"; do
    have "$item" || die 3 "still missing after the installation: $item"
  done
}

# debian_archive LABEL – where this host's apt-get has Debian, or Debian-Security, from
debian_archive() {
  local found
  # shellcheck disable=SC2016 # for apt-get
  found=$(apt-get indextargets --format '$(REPO_URI)' "Label: $1" | sed -n 1p)
  [[ $found ]] || die 3 "apt-get has no $1 on this host; on a Debian, run this first, as root:" "  apt-get update"
  printf '%s\n' "${found%/}"
}

have() {
  case $1 in
    initdb) pg_bin >/dev/null ;;
    /*) [[ -e $1 ]] ;;
    # Debian keeps it where only root looks.
    pgbouncer) [[ -x /usr/sbin/pgbouncer ]] || command -v pgbouncer >/dev/null ;;
    # Debian's python3 cannot make one without a package of its own.
    venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    # Without one cargo fetches no crate.
    certificates) compgen -G '/etc/ssl/certs/*' >/dev/null ;;
    # A compiler is not enough: it must be able to link.
    cc) command -v cc >/dev/null && cc -x c -o /dev/null - 2>/dev/null <<<'int main(void) { return 0; }' ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# need_cargo [COMPONENT…] – Rust. To be called before anything else is installed: without it all is in vain
need_cargo() {
  local wanted component
  wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml)
  # Where rustup puts it.
  PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin
  cargo_is "$wanted" || cargo_by_apt "$wanted" || cargo_by_rustup "$wanted"
  for component; do
    cargo "${component#rust}" --version >/dev/null 2>&1 ||
      die 3 "missing: $component. Run this first:" "  rustup component add $component"
  done
}

# cargo_is VERSION – or newer
cargo_is() {
  local found
  hash -r
  found=$(cargo --version 2>/dev/null | awk '{ print $2 }')
  [[ $found ]] && is_from "$1" "$found"
}

# is_from LEAST VERSION
is_from() { [[ $(printf '%s\n' "$1" "${2%%[-+]*}" | sort -V | head -n 1) == "$1" ]]; }

# cargo_by_apt VERSION – Debian keeps a newer Rust beside its own, as cargo-web; where there is none of
# either, and it is new enough
cargo_by_apt() {
  local as_root=() offered
  ! command -v cargo >/dev/null && ! command -v rustup >/dev/null && command -v apt-cache >/dev/null || return 1
  ((EUID == 0)) || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -qq >/dev/null 2>&1 || return 1
  offered=$(apt-cache policy cargo-web | awk '$1 == "Candidate:" { print $2 }')
  [[ $offered == [0-9]* ]] && is_from "$1" "$offered" || return 1
  heading "Installing Rust: the package cargo-web, $offered"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends --no-remove cargo-web >/dev/null || return 1
  cargo_is "$1"
}

# cargo_by_rustup VERSION – into the home of who calls, and into no other
cargo_by_rustup() {
  local bin=${CARGO_HOME:-${HOME:-}/.cargo}/bin found by_hand
  found=$(cargo --version 2>/dev/null) || found='no cargo'
  by_hand=("this needs Rust $1 or newer, and there is $found. Install it, and run this again:" \
    "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal" \
    "or, as root on Debian 12 (with its security updates) or 13, in place of Debian's older cargo:" \
    "  apt-get update && apt-get install cargo-web")
  if command -v rustup >/dev/null; then
    heading "Updating Rust: rustup update stable"
    rustup update stable >&2 || die 3 "rustup could not update; ${by_hand[0]}" "  rustup update stable"
  else
    [[ -O ${HOME:-} ]] || die 3 "HOME is not yours, so that rustup is not run; ${by_hand[0]}" "${by_hand[@]:1}"
    need 'curl=curl ca-certificates'
    heading "Installing Rust by rustup, into $HOME: .cargo and .rustup, and no file of your shell's is changed"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -y --quiet --profile minimal --no-modify-path >&2 ||
      die 3 "rustup could not be fetched or run; ${by_hand[0]}" "${by_hand[@]:1}"
  fi
  # Before an older one of the system's.
  PATH=$bin:$PATH
  cargo_is "$1" || die 3 "${by_hand[@]}"
}

# pg_bin – the folder of the newest PostgreSQL server; Debian keeps it off PATH
pg_bin() {
  local initdb
  initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  [[ -x $initdb ]] || initdb=$(command -v initdb) || return 1
  dirname "$initdb"
}

# ---- The throw-away cluster

# start_cluster – an empty server that listens on a socket only; PGHOST and the others then name it
start_cluster() {
  local bin name
  bin=$(pg_bin)
  # Nothing of the caller's own connection (PGSERVICE, PGOPTIONS, …) may leak into what is run here.
  for name in "${!PG@}"; do unset "$name"; done

  cluster=$(new_folder)
  ((EUID != 0)) || chown "$(server_user):" "$cluster"
  as_server "$bin/initdb" --pgdata="$cluster/data" --username=postgres --auth=trust \
    --encoding=UTF8 --locale=C --no-sync >"$cluster/initdb.log" 2>&1 ||
    die 4 "initdb failed:" "$(cat "$cluster/initdb.log")"
  as_server "$bin/pg_ctl" start --silent --wait --pgdata="$cluster/data" --log="$cluster/log" \
    --options="-c listen_addresses='' -c unix_socket_directories='$cluster' -c fsync=off" >&2 ||
    die 4 "the server did not start:" "$(cat "$cluster/log")"
  export PGHOST=$cluster PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

# as_server COMMAND… – as the server's user, with nothing of our environment
as_server() (
  cd /
  step_down=()
  if ((EUID == 0)); then
    user=$(server_user)
    step_down=(setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups)
  fi
  exec "${step_down[@]}" env -i PATH="$PATH" LC_ALL=C TZ=UTC "$@"
)

# server_user – whom root steps down to: initdb refuses to run as root
server_user() {
  if id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# new_folder – a private folder that the server's user can reach, with a path short enough for the
# sockets in it (of PostgreSQL and of gpg-agent: 107 bytes at most)
new_folder() {
  local base=${TMPDIR:-/tmp}
  if [[ $base != /* ]] || ((${#base} > 60)) || ! as_server test -x "$base"; then base=/tmp; fi
  mktemp -d "$base/pgseal.XXXXXX"
}

# ---- The throw-away key

# new_key – a keyring with one key; GNUPGHOME then names it, and `fingerprint` the key
new_key() {
  gnupg=$(new_folder)
  export GNUPGHOME=$gnupg
  gpg --batch --status-fd 1 --gen-key >"$gnupg/status" 2>"$gnupg/log" <<'BLOCK' ||
%no-protection
Key-Type: eddsa
Key-Curve: ed25519
Key-Usage: sign
Subkey-Type: ecdh
Subkey-Curve: cv25519
Subkey-Usage: encrypt
Name-Real: pgseal throw-away key
Expire-Date: 1y
%commit
BLOCK
    die 4 "gpg made no key:" "$(cat "$gnupg/log")"
  # shellcheck disable=SC2034 # for the script that sources this
  fingerprint=$(awk '$2 == "KEY_CREATED" { print $4 }' "$gnupg/status")
}

# ---- The end

remove_all() {
  # Whoever asks again while this goes on would leave a server behind.
  trap '' INT TERM HUP
  if [[ $cluster && -e $cluster/data/postmaster.pid ]]; then
    as_server "$(pg_bin)/pg_ctl" stop --silent --mode=immediate --pgdata="$cluster/data" >&2 || true
  fi
  if [[ $gnupg ]]; then
    gpgconf --homedir "$gnupg" --kill all || true
    gpgconf --homedir "$gnupg" --remove-socketdir 2>/dev/null || true
  fi
  rm -rf ${cluster:+"$cluster"} ${gnupg:+"$gnupg"} ${work:+"$work"}
  cluster='' gnupg='' work=''
}
