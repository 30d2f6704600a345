# shellcheck shell=bash
# The tools of others that docs/recipes stand in front of, kept in ~/.cache/pgseal. To be sourced after lib.sh.

# need_recipe_tools – puts them on PATH
need_recipe_tools() {
  local cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pgseal venv sqlx list=tests/tools/requirements.txt
  need venv=python3-venv
  need_cargo
  venv=$cache/recipes-$(sha256sum "$list" | cut -c 1-12)
  if [[ ! -e $venv/complete ]] || ! "$venv/bin/python" -c ''; then
    heading "Installing what tests/tools/requirements.txt names into $venv"
    mkdir -p "$cache"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$list" >&2 ||
      die 4 "pip could not install what $list names; it takes Python 3.11 to 3.13"
    touch "$venv/complete"
  fi
  sqlx=$cache/sqlx-0.8.6
  if [[ ! -x $sqlx/bin/sqlx ]]; then
    heading "Building sqlx-cli into $sqlx"
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off cargo install --quiet --locked \
      --no-default-features --features postgres --root "$sqlx" sqlx-cli@0.8.6 >&2 || die 4 "sqlx-cli could not be built"
  fi
  PGSEAL_TOOLS=$venv/bin:$sqlx/bin
  export PGSEAL_TOOLS
}
