//! Lists that may hold thousands of partitions, cut short for a reader.

/// A group of at most so many is named whole.
const MOST: usize = 10;

/// How many of a larger one are named: a partitioned table and its first partitions.
const NAMED: usize = 4;

/// One item, or those that are counted in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown<'a, T> {
    One(&'a T),
    Rest(&'a [T]),
}

/// All of the small groups, and the first few of the large ones. The items of a group follow each
/// other.
pub(crate) fn few<T>(all: &[T], together: impl FnMut(&T, &T) -> bool) -> Vec<Shown<'_, T>> {
    let mut shown = Vec::new();
    for items in all.chunk_by(together) {
        let named = if items.len() > MOST {
            NAMED
        } else {
            items.len()
        };
        let (first, rest) = items.split_at(named);
        shown.extend(first.iter().map(Shown::One));
        if !rest.is_empty() {
            shown.push(Shown::Rest(rest));
        }
    }
    shown
}

/// `a, b, c, d, and 96 more`.
pub(crate) fn joined(all: &[String], between: &str) -> String {
    let told: Vec<String> = few(all, |_, _| true)
        .into_iter()
        .map(|shown| match shown {
            Shown::One(item) => item.clone(),
            Shown::Rest(rest) => format!("and {} more", rest.len()),
        })
        .collect();
    told.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_group_is_counted_and_a_small_one_is_not() {
        let of = |group: &'static str, n: usize| (0..n).map(move |i| (group, i));
        let all: Vec<(&str, usize)> = of("a", 1).chain(of("b", 11)).chain(of("c", 10)).collect();
        let shown = few(&all, |a, b| a.0 == b.0);
        assert_eq!(shown.len(), 1 + 4 + 1 + 10);
        assert_eq!(shown[5], Shown::Rest(&all[5..12]));
        let names: Vec<String> = (0..12).map(|i| i.to_string()).collect();
        assert_eq!(joined(&names, ", "), "0, 1, 2, 3, and 8 more");
        assert_eq!(joined(&names[..2], ", "), "0, 1");
    }
}
