//! Work on both cores.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// What became of each item, in their order; a panic is an error too.
pub fn each<T: Send, O: Send>(
    items: Vec<T>,
    work: impl Fn(&T) -> Result<O, String> + Sync,
) -> Vec<(T, Result<O, String>)> {
    each_in(items, || (), |(), item| work(item))
}

/// The same, each core in a place of its own, which is made anew after an error.
pub fn each_in<T: Send, O: Send, P>(
    items: Vec<T>,
    make: impl Fn() -> P + Sync,
    work: impl Fn(&mut P, &T) -> Result<O, String> + Sync,
) -> Vec<(T, Result<O, String>)> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut place = None;
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((at, item)) = next else { return };
                    let came = catch_unwind(AssertUnwindSafe(|| {
                        work(place.get_or_insert_with(&make), &item)
                    }));
                    let came = came.unwrap_or_else(|panic| Err(told(panic.as_ref())));
                    if came.is_err() {
                        // What it left may be what it looks for.
                        let _ = catch_unwind(AssertUnwindSafe(|| drop(place.take())));
                    }
                    done.lock().unwrap().push((at, item, came));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, ..)| *at);
    done.into_iter()
        .map(|(_, item, came)| (item, came))
        .collect()
}

fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("it panicked"))
}
