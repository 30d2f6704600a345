# shellcheck shell=bash
# Bare Debian roots, as debootstrap makes them. To be sourced after lib.sh, as root. They are kept in
# ~/.cache/pgseal with the packages that were fetched for them, and written to by nobody: what a test does
# in one goes into an overlay that ends with it.

need_roots() {
  ((EUID == 0)) || die 3 "bare roots need root: run this with sudo"
  need debootstrap unshare=util-linux ip=iproute2
}

# cached NAME – its path among what is kept
cached() { printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pgseal/$1"; }

# bare SUITE – makes the root of a Debian where it is not there yet
bare() {
  local suite=$1 root security
  root=$(cached "root-$suite")
  [[ ! -e $root ]] || return 0
  security=$(debian_archive Debian-Security)
  heading "Making a bare $suite"
  mkdir -p "$(cached apt-"$suite")"
  rm -rf "$root.new"
  debootstrap --variant=minbase "$suite" "$root.new" >"$root.log" 2>&1 ||
    die 4 "the root could not be made; see $root.log"
  rm -f "$root.new"/var/cache/apt/archives/*.deb
  # As an installer leaves it: with the security updates.
  echo "deb $security $suite-security main" >>"$root.new/etc/apt/sources.list"
  # No server of the host's is to start, or to be looked for.
  printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
  chmod +x "$root.new/usr/sbin/policy-rc.d"
  mv "$root.new" "$root"
}

# in_root [--alone] SUITE CHANGES – runs the script on standard input there, as root; what it changes goes
# into the folder CHANGES. Alone: without a network but its own, in which no port is taken.
in_root() {
  local alone=()
  [[ $1 != --alone ]] || { alone=(--net) && shift; }
  mkdir -p "$2"/{upper,work,root}
  # shellcheck disable=SC2016 # for the bash within
  SUITE_ROOT=$(cached "root-$1") SUITE_APT=$(cached "apt-$1") CHANGES=$2 \
    unshare --mount --pid --fork --kill-child --propagation private "${alone[@]}" bash -c '
      set -euo pipefail
      root=$CHANGES/root
      mount -t overlay overlay -o "lowerdir=$SUITE_ROOT,upperdir=$CHANGES/upper,workdir=$CHANGES/work" "$root"
      mount -t proc proc "$root/proc"
      mount --rbind /dev "$root/dev"
      mount --bind "$SUITE_APT" "$root/var/cache/apt/archives"
      mkdir -p "$SUITE_APT/partial"
      cp /etc/resolv.conf "$root/etc/"
      ip link set lo up
      # Not by chroot: in one, a user namespace cannot be made.
      cd "$root"
      pivot_root . .
      umount --lazy .
      exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 bash -euo pipefail /dev/fd/3' 3<&0 </dev/null
}

# in_systemd SUITE CHANGES – boots what in_root has left there, with its systemd as the first process, and
# runs the script on standard input as a service of it, as root, without a network. What this changes is gone.
in_systemd() {
  local booted=$2/booted status=0
  rm -rf "$booted"
  mkdir -p "$booted"/{upper/root,upper/etc/systemd/system,work,root}
  # shellcheck disable=SC2016 # for the bash within
  { echo 'trap '\''echo "failed: $BASH_COMMAND"'\'' ERR' && cat; } >"$booted/upper/root/booted.sh"
  cat >"$booted/upper/etc/systemd/system/booted.service" <<'UNIT'
[Unit]
Requires=multi-user.target
After=multi-user.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=120
WorkingDirectory=/root
Environment=HOME=/root
ExecStart=/bin/bash -euo pipefail booted.sh
StandardOutput=file:/root/booted.log
StandardError=inherit
UNIT
  # A hierarchy of cgroups and a /dev of its own; the host's has what it must not set up.
  # shellcheck disable=SC2016 # for the bash within
  SUITE_ROOT=$(cached "root-$1") CHANGES=$2 BOOTED=$booted timeout -k 5 180 \
    unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child --propagation private bash -c '
      set -euo pipefail
      root=$BOOTED/root
      mount -t overlay overlay -o "lowerdir=$CHANGES/upper:$SUITE_ROOT,upperdir=$BOOTED/upper,workdir=$BOOTED/work" "$root"
      mount -t proc proc "$root/proc"
      mount -t sysfs sysfs "$root/sys"
      mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
      mount -t tmpfs tmpfs "$root/run"
      mount -t tmpfs tmpfs "$root/dev"
      for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
      done
      mkdir "$root"/dev/{pts,shm}
      mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
      ln -s pts/ptmx "$root/dev/ptmx"
      ln -s /proc/self/fd "$root/dev/fd"
      ip link set lo up
      cd "$root"
      pivot_root . mnt
      umount -l mnt
      exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        /lib/systemd/systemd --unit=booted.service' </dev/null || status=$?
  cat "$booted/upper/root/booted.log" || status=1
  return "$status"
}
