//! Runs told by what they are backups of.

use crate::base::text::plain;
use crate::report::listing::Line;
use crate::store::manifest::RunScope;
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// What is told of the runs of one scope.
pub(crate) struct ScopeGroup<'a, T> {
    pub heading: String,
    pub members: Vec<&'a T>,
}

/// Those of no known scope come last.
pub(crate) fn by_scope<'a, T>(
    all: impl Iterator<Item = &'a T>,
    line: impl Fn(&'a T) -> &'a Line,
) -> Vec<ScopeGroup<'a, T>> {
    let mut groups: BTreeMap<Option<&RunScope>, Vec<&T>> = BTreeMap::new();
    for member in all {
        let scope = line(member).scope.as_ref();
        groups.entry(scope).or_default().push(member);
    }
    let known: Vec<&RunScope> = groups.keys().copied().flatten().collect();
    let unknown = groups.remove(&None).map(|members| ScopeGroup {
        heading: "of unknown tables\n".into(),
        members,
    });
    let group = |(scope, members): (Option<&RunScope>, _)| ScopeGroup {
        heading: scope.map_or_else(String::new, |scope| heading(scope, &known)),
        members,
    };
    let mut told: Vec<_> = groups.into_iter().map(group).collect();
    told.extend(unknown);
    told
}

/// `shop: public.orders, public.lines and 3 more`, of a terminal's width.
pub(crate) fn heading(scope: &RunScope, all: &[&RunScope]) -> String {
    let twin = |other: &&RunScope| {
        other.database == scope.database && other.system_identifier != scope.system_identifier
    };
    let cluster = match &scope.system_identifier {
        Some(id) if all.iter().any(twin) => format!(" (system identifier {})", plain(id)),
        _ => String::new(),
    };
    let start = format!("{}{cluster}: ", plain(&scope.database));
    format!(
        "{start}{}\n",
        first_names(&scope.tables, LINE.saturating_sub(start.width()))
    )
}

/// How wide a terminal is taken to be.
const LINE: usize = 80;

/// The first names, as many as fit beside the count of the others; one at least.
fn first_names(names: &[String], most: usize) -> String {
    let told = |count: usize| {
        let first = names[..count].iter().map(|name| plain(name));
        let first = first.collect::<Vec<_>>().join(", ");
        match names.len() - count {
            0 => first,
            more => format!("{first} and {more} more"),
        }
    };
    let fits = |count: &usize| told(*count).width() <= most;
    told(
        (1..=names.len())
            .rev()
            .find(fits)
            .unwrap_or(names.len().min(1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_names_as_fit() {
        let names = ["public.a", "public.b", "public.c"].map(String::from);
        let told = [80, 28, 27, 1].map(|most| first_names(&names, most));
        assert_eq!(
            told,
            [
                "public.a, public.b, public.c",
                "public.a, public.b, public.c",
                "public.a and 2 more",
                "public.a and 2 more",
            ]
        );
        assert_eq!(first_names(&[], 80), "");
    }
}
