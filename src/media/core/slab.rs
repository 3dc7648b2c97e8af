//! A table whose keys outlive their values: a key of something removed finds nothing, even when its place is taken
//! again.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// Where a value stands, and which of the values that have stood there it is.
pub struct Key<T> {
    index: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key as a number, for kernels and packets' sources.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The key that [`Key::as_u64`] gave.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self { index: number as u32, generation: (number >> 32) as u32, of: PhantomData }
    }

    /// The place in the table, for tables beside it.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_u64() == other.as_u64()
    }
}

impl<T> Eq for Key<T> {}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_u64().hash(state);
    }
}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_u64().cmp(&other.as_u64())
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[derive(Debug)]
struct Cell<T> {
    generation: u32,
    value: Option<T>,
}

/// The table.
#[derive(Debug)]
pub struct Slab<T> {
    cells: Vec<Cell<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { cells: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// A table that takes its room at once, so that it need not move when it grows up to there.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { cells: Vec::with_capacity(capacity), free: Vec::new() }
    }

    /// Puts a value in.
    pub fn insert(&mut self, value: T) -> Key<T> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.cells.push(Cell { generation: 0, value: None });
            (self.cells.len() - 1) as u32
        });
        let cell = &mut self.cells[index as usize];
        cell.value = Some(value);
        Key { index, generation: cell.generation, of: PhantomData }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        let cell = self.cells.get_mut(key.index())?;
        if cell.generation != key.generation {
            return None;
        }
        let value = cell.value.take()?;
        cell.generation = cell.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    /// The value, if it is still there.
    #[must_use]
    pub fn get(&self, key: Key<T>) -> Option<&T> {
        self.cells.get(key.index()).filter(|cell| cell.generation == key.generation)?.value.as_ref()
    }

    /// The value to change, if it is still there.
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        self.cells.get_mut(key.index()).filter(|cell| cell.generation == key.generation)?.value.as_mut()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        self.cells.iter().enumerate().filter_map(|(index, cell)| {
            let key = Key { index: index as u32, generation: cell.generation, of: PhantomData };
            Some((key, cell.value.as_ref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_value_and_never_a_later_one_in_its_place() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        let b = slab.insert("b");
        assert_eq!(slab.remove(a), Some("a"));
        let c = slab.insert("c");
        assert_eq!(c.index(), a.index());
        assert_eq!((slab.get(a), slab.get(b), slab.get(c)), (None, Some(&"b"), Some(&"c")));
        assert_eq!((slab.remove(a), slab.len()), (None, 2));
        assert_eq!(Key::from_u64(c.as_u64()), c);
        assert_eq!(slab.iter().count(), 2);
    }
}
