# shellcheck shell=bash
# Container engines of our own, docker and podman, without a network, and in each a server of PostgreSQL
# from Debian 13. To be sourced after lib.sh, as root. The image is kept in ~/.cache/pgseal; nothing else
# stays.

engine='' # folder of the engines: their data, their socket

need_engines() {
  ((EUID == 0)) || die 3 "a container engine of our own needs root: run this with sudo"
  need dockerd=docker.io podman=podman runc=runc kubectl=kubernetes-client debootstrap
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

# start_engine – DOCKER_HOST then names it
start_engine() {
  engine=$(new_folder)
  trap 'stop_engines; remove_all' EXIT
  export DOCKER_HOST=unix://$engine/socket
  dockerd --data-root "$engine/data" --exec-root "$engine/exec" --pidfile "$engine/pid" -H "$DOCKER_HOST" \
    --iptables=false --ip6tables=false --bridge=none --storage-driver overlay2 >"$engine/log" 2>&1 &
  until docker version >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || die 4 "dockerd did not start:" "$(tail "$engine/log")"
    sleep 0.2
  done
  make_containers docker
}

# set_up_podman – podman has no daemon; these two files name a place of its own, and what it can use
# where there is no systemd
set_up_podman() {
  export CONTAINERS_CONF=$engine/containers.conf CONTAINERS_STORAGE_CONF=$engine/storage.conf
  cat >"$CONTAINERS_CONF" <<END
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=4096:4096", "nproc=8192:8192"]
END
  cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$engine/podman"
runroot = "$engine/podman-run"
END
  make_containers podman
}

# make_containers CLIENT – pg with a server; ct-client, which cannot write anywhere and has the server's
# socket; ct-bare without pg_dump, ct-nosh without a shell, ct-stopped
make_containers() {
  local client=$1 socket=$engine/run-$1 read_only=(--read-only)
  # It would have a /tmp for writing.
  [[ $client != podman ]] || read_only+=(--read-only-tmpfs=false)
  mkdir "$socket"
  "$client" import "$(image)" pgseal-test >/dev/null 2>&1 || die 4 "$client could not import the image"
  # A container has no locale: without -E initdb would make a database of SQL_ASCII. The server is its
  # first process, as in the official image: it collects orphans, and takes one that died for a backend.
  # shellcheck disable=SC2016 # the shell inside expands it
  "$client" run -d --name pg --network none -v "$socket:/run/postgresql" pgseal-test sh -c '
    install -d -o postgres /run/postgresql /tmp/data
    bin=$(echo /usr/lib/postgresql/*/bin)
    su postgres -c "$bin/initdb -D /tmp/data -E UTF8 --locale=C --auth=trust" &&
      cd / && exec setpriv --reuid=postgres --regid=postgres --clear-groups \
        "$bin/postgres" -D /tmp/data -c listen_addresses= -c fsync=off' >/dev/null
  "$client" run -d --name ct-client --network none "${read_only[@]}" -v "$socket:/run/postgresql" \
    pgseal-test sleep 100000 >/dev/null
  "$client" run -d --name ct-bare --network none pgseal-test sh -c 'rm /usr/bin/pg_dump; exec sleep 100000' >/dev/null
  "$client" run -d --name ct-nosh --network none pgseal-test sleep 100000 >/dev/null
  "$client" exec ct-nosh rm /bin/sh
  "$client" run --name ct-stopped --network none pgseal-test true
  until "$client" exec pg psql -U postgres -c 'SELECT 1' >/dev/null 2>&1; do
    [[ $("$client" inspect -f '{{.State.Running}}' pg) == true ]] ||
      die 4 "the server in $client did not start:" "$("$client" logs pg 2>&1)"
    sleep 0.2
  done
}

# clients – the paths of the engines' clients on PATH; two of docker differ in what they do with a signal
clients() { type -ap docker podman | xargs -rn 1 realpath | sort -u | paste -sd :; }

stop_engines() {
  [[ $engine ]] || return 0
  local client pid
  for client in docker podman; do
    "$client" rm -f pg ct-client ct-bare ct-nosh ct-stopped >/dev/null 2>&1 || true
  done
  pid=$(cat "$engine/pid" 2>/dev/null) && kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  umount "$engine/podman/overlay" 2>/dev/null || true
  rm -rf "$engine"
  engine=''
}
