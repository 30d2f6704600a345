# shellcheck shell=bash
# A container engine of our own, without a network, and in it a server of PostgreSQL from Debian 13. To
# be sourced after lib.sh, as root. The image is kept in ~/.cache/pgseal; nothing else stays.

engine='' # folder of the engine: its data, its socket

need_engine() {
  ((EUID == 0)) || die 3 "a container engine of our own needs root: run this with sudo"
  need dockerd=docker.io debootstrap
}

# image – the path of an archive of Debian 13 with PostgreSQL, made where it is not there yet
image() {
  local cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pgseal root
  local archive=$cache/trixie-postgresql.tar
  if [[ ! -e $archive ]]; then
    mkdir -p "$cache"
    root=$(mktemp -d "$cache/root.XXXXXX")
    {
      debootstrap --variant=minbase trixie "$root" &&
        printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" &&
        chmod +x "$root/usr/sbin/policy-rc.d" &&
        cp /etc/resolv.conf "$root/etc/" &&
        chroot "$root" apt-get install -y --no-install-recommends postgresql &&
        chroot "$root" apt-get clean &&
        tar -C "$root" --one-file-system --exclude=./proc --exclude=./dev -cf "$archive.new" . &&
        mv "$archive.new" "$archive"
    } >"$cache/log" 2>&1 || die 4 "the image could not be made; see $cache/log"
    rm -rf "$root"
  fi
  printf '%s\n' "$archive"
}

# start_engine – DOCKER_HOST then names it; the containers are pg, ct-bare and ct-stopped
start_engine() {
  local archive
  archive=$(image)
  engine=$(new_folder)
  trap 'stop_engine; remove_all' EXIT
  export DOCKER_HOST=unix://$engine/socket
  dockerd --data-root "$engine/data" --exec-root "$engine/exec" --pidfile "$engine/pid" -H "$DOCKER_HOST" \
    --iptables=false --ip6tables=false --bridge=none --storage-driver overlay2 >"$engine/log" 2>&1 &
  until docker version >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || die 4 "dockerd did not start:" "$(tail "$engine/log")"
    sleep 0.2
  done
  docker import "$archive" pgseal-test >/dev/null
  # A container has no locale: without -E initdb would make a database of SQL_ASCII.
  docker run -d --name pg --network none pgseal-test sh -c '
    install -d -o postgres /run/postgresql /tmp/data
    bin=$(echo /usr/lib/postgresql/*/bin)
    su postgres -c "$bin/initdb -D /tmp/data -E UTF8 --locale=C --auth=trust" &&
      exec su postgres -c "exec $bin/postgres -D /tmp/data -c listen_addresses= -c fsync=off"' >/dev/null
  docker run -d --name ct-bare --network none pgseal-test sh -c 'rm /usr/bin/pg_dump; exec sleep 100000' >/dev/null
  docker run --name ct-stopped --network none pgseal-test true
  until docker exec pg psql -U postgres -c 'SELECT 1' >/dev/null 2>&1; do
    [[ $(docker inspect -f '{{.State.Running}}' pg) == true ]] || die 4 "the server did not start:" "$(docker logs pg 2>&1)"
    sleep 0.2
  done
}

# clients – the folders of the engine's clients on PATH, which differ in what they do with a signal
clients() { type -ap docker | xargs -rn 1 realpath | sort -u | xargs -rn 1 dirname | paste -sd :; }

stop_engine() {
  [[ $engine ]] || return 0
  docker rm -f pg ct-bare ct-stopped >/dev/null 2>&1 || true
  local pid
  pid=$(cat "$engine/pid" 2>/dev/null) && kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -rf "$engine"
  engine=''
}
