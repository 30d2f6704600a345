//! Limits for an artifact that nobody vouches for: what its manifest's sizes justify.
//!
//! A few hundred bytes of SQL can sleep for ever, and a column's default can make a gigabyte of
//! every row. Within SQL nothing holds that: the artifact may set every parameter that its role
//! may set, as each dump sets `statement_timeout = 0`. So each limit is held from outside.
//!
//! The manifest is nobody's word either, and what it says of the plaintext is seen to be right
//! only as it passes. So no more of that counts than an artifact of this size, which is proved
//! before, can hold. The factors are far above what pg_dump's output needs, so that an honest
//! backup never meets a limit.

use crate::base::error::{Code, Error, Result};
use crate::base::text::counted;
use crate::restore::scratch::room;
use crate::store::manifest::Manifest;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt;
use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A small backup comes back in a second or two.
const LEAST_SECONDS: u64 = 60;
/// The slowest indexes, on a slow disk, still take some megabytes of SQL a second.
const BYTES_PER_SECOND: u64 = 256 * KIB;
/// For constraints that call a function, and for indexes of short rows.
const MILLISECONDS_PER_ROW: u64 = 1;
/// Partitions come in thousands.
const MILLISECONDS_PER_RELATION: u64 = 100;

/// An empty cluster takes 40 MB, and its write-ahead log 128 MiB more.
const LEAST_ROOM: u64 = 256 * MIB;
/// A number of one digit takes eight bytes, and as many again in an index.
const ROOM_PER_BYTE: u64 = 8;
/// A row has a header of 28 bytes, and an entry of at least 20 in every index.
const ROOM_PER_ROW: u64 = 512;
/// A partition of one row with two indexes takes 130 KB, its catalog rows included.
const ROOM_PER_RELATION: u64 = 512 * KIB;

/// What a process may allocate. Sorts take 64 MB at most where nothing is set.
const LEAST_MEMORY: u64 = 256 * MIB;
/// A value is copied a few times on its way from the client to its compressed form.
const MEMORY_PER_BYTE: u64 = 8;
/// No value is longer than this.
const LARGEST_VALUE: u64 = 1024 * MIB;

/// What a byte of the artifact may unfold to; deflate can do no more.
const SQL_PER_SEALED_BYTE: u64 = 1024;
/// Of the artifact: a relation takes three statements, which are never all the same.
const SEALED_BYTES_PER_RELATION: u64 = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    pub time: Duration,
    /// Bytes of the cluster's folder.
    pub room: u64,
    /// Bytes that each process may allocate: the server's, and psql.
    pub memory: u64,
    sizes: Sizes,
}

/// What they are derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    sql: u64,
    rows: u64,
    relations: u64,
}

impl Limits {
    pub(crate) fn of(manifest: &Manifest) -> Limits {
        let sizes = Sizes {
            sql: room::sql(manifest),
            rows: manifest.rows(),
            relations: manifest.tables.len() as u64,
        };
        Limits::from(sizes.with_timeout(manifest.envelope.size_bytes))
    }

    fn from(sizes: Sizes) -> Limits {
        let Sizes {
            sql,
            rows,
            relations,
        } = sizes;
        let seconds = LEAST_SECONDS.saturating_add(sql / BYTES_PER_SECOND);
        let milliseconds = (rows.saturating_mul(MILLISECONDS_PER_ROW))
            .saturating_add(relations.saturating_mul(MILLISECONDS_PER_RELATION));
        Limits {
            time: Duration::from_secs(seconds.saturating_add(milliseconds / 1000)),
            room: LEAST_ROOM
                .saturating_add(sql.saturating_mul(ROOM_PER_BYTE))
                .saturating_add(rows.saturating_mul(ROOM_PER_ROW))
                .saturating_add(relations.saturating_mul(ROOM_PER_RELATION)),
            memory: LEAST_MEMORY + sql.min(LARGEST_VALUE) * MEMORY_PER_BYTE,
            sizes,
        }
    }

    pub(crate) fn exceeded(&self, what: Exceeded) -> Error {
        let Sizes {
            sql,
            rows,
            relations,
        } = self.sizes;
        let what = format!(
            "to come back, the artifact needs {what} that its manifest's sizes justify ({sql} bytes of SQL, {}, {})",
            counted(rows, "row"),
            counted(relations, "relation")
        );
        Error::new(Code::NotVerified, what).hint(
            "Nobody vouches for the artifact. Vouch for it, and it has no such limit: --envelope FILE or --sha256 HEX, as you kept them elsewhere.",
        )
    }
}

impl Sizes {
    /// As much of them as an artifact of so many bytes can hold. A row takes its line's end.
    fn with_timeout(self, sealed: u64) -> Sizes {
        let sql = self.sql.min(sealed.saturating_mul(SQL_PER_SEALED_BYTE));
        Sizes {
            sql,
            rows: self.rows.min(sql),
            relations: self.relations.min(sealed / SEALED_BYTES_PER_RELATION),
        }
    }
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Time(Duration),
    Room(u64),
    Memory(u64),
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exceeded::Time(limit) => write!(f, "more than the {limit:?}"),
            Exceeded::Room(limit) => write!(f, "more room than the {limit} bytes"),
            Exceeded::Memory(limit) => write!(f, "more memory than the {limit} bytes"),
        }
    }
}

/// A limit of what our own process may allocate, which every program inherits that it starts
/// meanwhile: psql holds an answer in memory as a backend of the server holds a value. Mappings
/// that are shared, or only reserved, do not count.
pub(crate) struct MemoryLimit {
    before: Rlimit,
}

impl MemoryLimit {
    pub(crate) fn set(bytes: u64) -> Result<MemoryLimit> {
        let before = getrlimit(Resource::Data);
        let lowest = [Some(bytes), before.current, before.maximum];
        let limit = Rlimit {
            current: lowest.into_iter().flatten().min(),
            maximum: before.maximum,
        };
        setrlimit(Resource::Data, limit).map_err(|err| {
            let what = format!("cannot limit the memory of the throw-away server: {err}");
            Error::new(Code::StageFailed, what)
        })?;
        Ok(MemoryLimit { before })
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::Data, self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_with_the_sizes_and_never_overflow() {
        let limits = |sql, rows, relations| {
            Limits::from(Sizes {
                sql,
                rows,
                relations,
            })
        };
        let small = limits(790, 1, 1);
        assert_eq!(small.time, Duration::from_secs(60));
        assert!(small.room < 257 * MIB && small.memory < 257 * MIB);
        // A billion rows of one small number.
        let large = limits(10 << 30, 1_000_000_000, 2);
        assert!(large.time > Duration::from_secs(24 * 3600));
        assert!(large.room > 36 << 30 && large.memory > 8 << 30);
        let lie = Sizes {
            sql: u64::MAX,
            rows: u64::MAX,
            relations: u64::MAX,
        };
        let lie = Limits::from(lie.with_timeout(790));
        assert!(lie.time < Duration::from_secs(20 * 60));
        assert!(lie.room < 1024 * MIB && lie.memory < 270 * MIB);
        let most = limits(u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(most.room, u64::MAX);
        assert_eq!(most.memory, large.memory);
    }
}
