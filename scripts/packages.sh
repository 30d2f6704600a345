# shellcheck shell=bash
# What scripts/test --packages does with what scripts/package made. To be sourced after lib.sh and
# roots.sh, as root.

# installs SUITE CHANGES – the package and what it recommends, as a user would; then a server to back up
installs() {
  mkdir -p "$2/upper/root"
  cp target/packages/pgseal_*.deb "$2/upper/root/"
  in_root "$1" "$2" <<'SCRIPT'
cd /root
apt-get update -qq
apt install -qq -y ./pgseal_*.deb >/dev/null 2>&1 || apt install -y ./pgseal_*.deb
for tool in pgseal pg_dump psql gpg; do command -v "$tool" >/dev/null || { echo "it did not bring $tool"; exit 1; }; done
[[ -z $(dpkg --verify pgseal) ]]
test -e /lib/systemd/system/pgseal-readiness.timer
[[ ! -e /etc/systemd/system/timers.target.wants/pgseal-readiness.timer ]]
apt-get install -qq -y --no-install-recommends postgresql systemd fish zsh >/dev/null 2>&1
SCRIPT
}

# first_backup SUITE CHANGES – the README's lines, as they stand there
first_backup() {
  awk '/^## The first real backup$/ { on = 1 } on && /^```$/ { exit } block && !/^apt install/; on && /^```sh$/ { block = 1 }' \
    README.md >"$2/upper/root/lines.sh"
  grep -q '^pgseal backup ' "$2/upper/root/lines.sh" || die 1 "README has no first backup"
  in_root --alone "$1" "$2" <<'SCRIPT'
cd /root
version=$(ls /etc/postgresql)
pg_ctlcluster "$version" main start
as_postgres() { su postgres -c "psql -Xq -v ON_ERROR_STOP=1 $1"; }
echo '127.0.0.1 db1' >>/etc/hosts
as_postgres postgres <<<"CREATE ROLE root SUPERUSER LOGIN PASSWORD 'for the test'; CREATE DATABASE shop"
as_postgres shop <<<"CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 1000);
  CREATE TABLE order_line (order_id int REFERENCES orders, item text); INSERT INTO order_line SELECT id, 'thing' FROM orders"
install -m 600 /dev/null .pgpass
echo 'db1:5432:*:root:for the test' >.pgpass
# The operator's key, of which this host has the public part.
install -d -m 700 /root/operator
GNUPGHOME=/root/operator gpg --batch --quiet --passphrase '' --quick-gen-key operator default default 1d 2>/dev/null
GNUPGHOME=/root/operator gpg --armor --export >backup-key.asc

. ./lines.sh >envelope.json
cat envelope.json
artifact=$(sed 's/.*"artifact_ref":"\([^"]*\)".*/\1/' envelope.json)
id=$(basename "$artifact" .sql.gpg)
pgseal verify "$id" --envelope envelope.json | tail -n 1
GNUPGHOME=/root/operator gpg --decrypt "$artifact" 2>/dev/null | grep -c '^COPY public\.' | grep -qx 2
createdb -h db1 shop_new
GNUPGHOME=/root/operator pgseal restore "$id" --gnupg-home /root/operator --envelope envelope.json \
  --dbname 'host=db1 dbname=shop_new' | tail -n 1
[[ $(psql -Xqtc 'SELECT count(*) FROM order_line' 'host=db1 dbname=shop_new') -eq 1000 ]]

# Its man pages and completions, and its bridge.
for verb in '' $(pgseal --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ && $1 != "help" { print "-" $1 }'); do
  zcat "/usr/share/man/man1/pgseal$verb.1.gz" | grep -q '^.SH NAME'
done
[[ $(bash -c '. /usr/share/bash-completion/completions/pgseal; COMP_WORDS=(pgseal verify ""); COMP_CWORD=2
  _pgseal pgseal "" verify; echo "${COMPREPLY[0]}"') == "$id" ]]
[[ $(fish -c 'complete -C "pgseal verify 2"') == "$id"* ]]
# Of the store that is typed.
mkdir -m 700 other
cp /var/lib/pgseal/"$id".* other/
for name in other/*; do mv "$name" "${name/$id/typed}"; done
[[ $(pgseal run-ids --store other) == typed ]]
for typed in '--store other' '--store=other' '--store ~/other'; do
  [[ $(fish -c "complete -C 'pgseal verify $typed t'") == typed* ]]
  [[ $(fish -c "complete -C 'pgseal $typed verify t'") == typed* ]]
done
# zsh completes on a terminal only: what it would add is printed in its stead.
[[ $(zsh -fc 'autoload -U compinit; compinit -u -D; print $_comps[pgseal]') == _pgseal ]]
zsh -fc 'autoload -U compinit; compinit -u -D; . /usr/share/zsh/vendor-completions/_pgseal
  compadd() { print -l ${(P)@[-1]} }; _files() { }; _pgseal_run_ids; for typed in "--store other" "--store=~/other"; do
  LBUFFER="pgseal verify $typed "; _pgseal_run_ids; done' | grep -cxF -e "$id" -e typed | grep -qx 3
pg_ctlcluster "$version" main stop
SCRIPT
}

# serves SUITE CHANGES – the package's timer and its service, and the recipe's, below systemd
serves() {
  local page=docs/recipes/nightly.md name
  mkdir -p "$2/upper/root/units"
  for name in pgseal-nightly.service pgseal-failed@.service; do
    awk -v name="# /etc/systemd/system/$name" '$0 == name { on = 1 } /^```$/ { on = 0 } on' "$page" >"$2/upper/root/units/$name"
  done
  awk '/^```sh$/ { on = 1; next } /^```$/ && on { exit } on' "$page" >"$2/upper/root/pgseal-nightly"
  in_systemd "$1" "$2" <<'SCRIPT'
[[ $(cat /proc/1/comm) == systemd ]]
[[ $(systemctl is-active postgresql) == active ]]
failed() { ! systemctl start "$1" 2>/dev/null && [[ $(systemctl show --property=Result --value "$1") == exit-code ]]; }
said() { journalctl --no-pager -o cat --unit="$1" --grep="$2"; }
# soon COMMAND… – prints what it prints once it does not fail: a unit's end and the journal are not waited for by others
soon() {
  local i
  for ((i = 0; i < 150; i++)); do ! "$@" 2>/dev/null || return 0; sleep 0.2; done
  echo "not within half a minute: $*"
  return 1
}

# Nothing is configured: its status is the program's.
failed pgseal-readiness.service
fpr=$(gpg --show-keys --with-colons backup-key.asc | awk -F: '/^fpr:/{ print $10; exit }')
mkdir /etc/pgseal
cat >/etc/pgseal/pgseal.toml <<END
[scope]
tables = ["public.orders", "public.order_line"]
[postgres]
dbname = "host=db1 dbname=shop"
[encryption]
recipients = ["$fpr"]
END

# The timer, as the README enables it, and not only at night.
systemctl reset-failed
mkdir /etc/systemd/system/pgseal-readiness.timer.d
printf '[Timer]\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=100ms\n' >/etc/systemd/system/pgseal-readiness.timer.d/soon.conf
systemctl daemon-reload
systemctl enable --quiet --now pgseal-readiness.timer
systemctl list-timers --no-pager | grep -o 'pgseal-readiness.timer  *pgseal-readiness.service'
soon said pgseal-readiness.service '^Finished '
soon said pgseal-readiness.service 'f4_status: READY'

# A backup within the walls of that service, each of which keeps something from root.
cat >walls.sh <<'END'
for path in /etc /usr /root /boot /var/lib; do touch "$path/x" && echo "writes into $path"; done
unshare --uts true && echo 'makes a namespace'
perl -e 'socket(my $netlink, 16, 3, 0) or exit 1' && echo 'opens a netlink socket'
grep -q '^CapEff:.*[1-9a-f]' /proc/self/status && echo 'has a capability'
END
[[ $(bash walls.sh 2>/dev/null | wc -l) -eq 8 ]]
cat >within.sh <<'END'
could=$(bash walls.sh 2>/dev/null || true)
[[ -z $could ]] || { echo "within the service it $could"; exit 1; }
pgseal backup --run-id within >/dev/null
END
sed 's|^ExecStart=.*|WorkingDirectory=/root\nExecStart=/bin/bash -euo pipefail within.sh|' /lib/systemd/system/pgseal-readiness.service >/etc/systemd/system/within.service
systemctl daemon-reload
systemctl start within.service || { journalctl --no-pager -o cat --unit=within.service; exit 1; }
pgseal verify within | tail -n 1

# The recipe's, as a user of its own, whose key does not expire this month.
useradd --system --create-home pgseal
su postgres -c 'cd / && psql -Xq' <<<'CREATE ROLE pgseal LOGIN IN ROLE pg_read_all_data'
export GNUPGHOME=/root/operator
gpg --batch --quiet --passphrase '' --quick-gen-key nightly default default 1y 2>/dev/null
gpg --armor --export nightly | setpriv --reuid=pgseal --regid=pgseal --init-groups env -u GNUPGHOME HOME=/home/pgseal gpg --quiet --import
nightly=$(gpg --list-keys --with-colons nightly 2>/dev/null | awk -F: '/^fpr:/{ print $10; exit }')
sed -i "s/host=db1 //; s/$fpr/$nightly/" /etc/pgseal/pgseal.toml
chown -R pgseal: /var/lib/pgseal
install -m 755 pgseal-nightly /usr/local/bin/pgseal-nightly
cp units/* /etc/systemd/system/
systemctl daemon-reload
systemctl start pgseal-nightly.service || { journalctl --no-pager -o cat --unit=pgseal-nightly.service; exit 1; }
# Silent while all is well; and whoever must be told is told.
journalctl --sync
[[ -z $(journalctl --no-pager -o cat _SYSTEMD_UNIT=pgseal-nightly.service) ]]
truncate --size=-1 /var/lib/pgseal/within.sql.gpg
failed pgseal-nightly.service
soon said pgseal-nightly.service '^== pgseal verify within$'
soon journalctl --no-pager -o cat --identifier=pgseal --grep='pgseal-nightly.service failed'
SCRIPT
}

# removes SUITE CHANGES – the package, and leaves the store
removes() {
  in_root "$1" "$2" <<'SCRIPT'
apt-get purge -qq -y pgseal >/dev/null 2>&1
left=$(find / -xdev -name '*pgseal*' ! -path '/root/*' ! -path '/opt/*' ! -path '/var/lib/pgseal*' ! -path '/var/cache/*' ! -path '/proc/*')
[[ -z $left ]] || { echo "left behind: $left"; exit 1; }
ls /var/lib/pgseal/*.manifest.json >/dev/null
SCRIPT
}

# units FOLDER – the service and its timer, as systemd reads them
units() {
  local folder=$1/units
  mkdir "$folder"
  cp packaging/*.service packaging/*.timer "$folder/"
  # Where the program is not installed, it lies here.
  sed -i "s|^ExecStart=/usr/bin/pgseal|ExecStart=$PWD/target/release/pgseal|" "$folder"/*.service
  systemd-analyze verify --man=no "$folder"/*.service "$folder"/*.timer
  systemd-analyze security --offline=true --threshold=30 "$folder"/*.service >/dev/null
}

# static_runs SUITE CHANGES – the program of the archive, with the gpg that is there
static_runs() {
  local folder=$2/upper/opt
  mkdir -p "$folder"
  tar -xzf target/packages/pgseal-*-static.tar.gz -C "$folder" --strip-components=1
  in_root --alone "$1" "$2" <<'SCRIPT'
[[ $(/opt/pgseal --version) == "$(pgseal --version)" ]]
/opt/pgseal prove-mechanism | tail -n 1
SCRIPT
}
