//! A user id, and group id, that no user has and no process runs as.

use crate::base::random;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Between what systemd gives to login screens and to services with dynamic users (see "Users,
/// Groups, UIDs and GIDs on systemd Systems"); below 65536, for the sake of containers.
pub(crate) const PRIVATE: RangeInclusive<u32> = 60706..=61183;

/// One that is free, and what keeps other runs of pgseal from taking it: a socket name that the
/// kernel gives to one process only, and that ends with it. It begins at random, so that a number
/// that was used just now is not the next.
pub(crate) fn claim() -> io::Result<Option<(u32, UnixListener)>> {
    let taken = taken()?;
    let size = PRIVATE.end() - PRIVATE.start() + 1;
    let from = u32::from_le_bytes(random::bytes().map_err(|err| io::Error::other(err.message))?);
    let ids = (0..size).map(|at| PRIVATE.start() + (from % size + at) % size);
    for id in ids.filter(|id| !taken.contains(id)) {
        let name = SocketAddr::from_abstract_name(format!("pgseal-uid-{id}"))?;
        match UnixListener::bind_addr(&name) {
            Ok(claim) => return Ok(Some((id, claim))),
            Err(err) if err.kind() == io::ErrorKind::AddrInUse => {}
            Err(err) => return Err(err),
        }
    }
    Ok(None)
}

/// All numbers that have an entry, or that a process has as user, group or further group.
fn taken() -> io::Result<BTreeSet<u32>> {
    let mut taken = BTreeSet::new();
    for file in ["/etc/passwd", "/etc/group"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        let fields = text
            .lines()
            .flat_map(|line| line.split(':').skip(2).take(2));
        taken.extend(fields.filter_map(|field| field.parse::<u32>().ok()));
    }
    for entry in fs::read_dir("/proc")?.flatten() {
        // It may be no process, or gone by now.
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let lines = status.lines().filter_map(|line| {
            let names = ["Uid:", "Gid:", "Groups:"];
            names.iter().find_map(|name| line.strip_prefix(name))
        });
        let numbers = lines.flat_map(str::split_whitespace);
        taken.extend(numbers.filter_map(|number| number.parse::<u32>().ok()));
    }
    Ok(taken)
}

/// The number of `nobody`, by /etc/passwd.
pub(crate) fn nobody() -> Option<u32> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = passwd.lines();
    let line = lines.find_map(|line| line.strip_prefix("nobody:"))?;
    let uid = line.split(':').nth(1)?.parse().ok()?;
    (uid != 0).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_get_one_number() {
        let (one, held) = claim().unwrap().unwrap();
        let taken = taken().unwrap();
        assert!(PRIVATE.contains(&one) && !taken.contains(&one));
        assert!(taken.contains(&rustix::process::geteuid().as_raw()));
        assert!(taken.contains(&nobody().unwrap()));
        let name = SocketAddr::from_abstract_name(format!("pgseal-uid-{one}")).unwrap();
        assert!(UnixListener::bind_addr(&name).is_err());
        drop(held);
        // A child that another test starts shares the socket between its fork and its exec.
        let since = std::time::Instant::now();
        while UnixListener::bind_addr(&name).is_err() {
            assert!(since.elapsed().as_secs() < 10, "the number is never free");
        }
    }
}
