//! A row that grows without moving: what stands in it stays where it is, and growing costs the same however long it is.
//!
//! A `Vec` that doubles copies all it holds at once. With ten thousand transactions that is a pause of milliseconds in
//! the middle of some call's set-up.

use std::ops::{Index, IndexMut};

/// Elements of one chunk: a power of two.
const CHUNK: usize = 256;

/// The row. Elements are added at its end and never taken out; tables with free places are built on it.
#[derive(Clone, Debug)]
pub struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Chunks<T> {
    /// An empty row.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    /// How many elements there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element at the end.
    pub fn push(&mut self, element: T) {
        if self.len == self.chunks.len() * CHUNK {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(last) = self.chunks.last_mut() {
            last.push(element);
            self.len += 1;
        }
    }

    /// An element by its place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    /// An element to change, by its place.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    /// All elements in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.chunks[place / CHUNK][place % CHUNK]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.chunks[place / CHUNK][place % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_found_at_its_place_and_does_not_move() {
        let mut row = Chunks::new();
        assert!(row.is_empty() && row.get(0).is_none());
        row.push(0);
        let first: *const usize = &row[0];
        for element in 1..CHUNK * 3 {
            row.push(element);
        }
        assert!(std::ptr::eq(first, &row[0]));
        assert_eq!(row.len(), CHUNK * 3);
        for place in [0, 1, CHUNK - 1, CHUNK, CHUNK * 3 - 1] {
            assert_eq!((row[place], row.get(place)), (place, Some(&place)));
        }
        assert_eq!(row.get(CHUNK * 3), None);
        row[CHUNK] = 7;
        *row.get_mut(0).unwrap() = 8;
        assert_eq!((row[CHUNK], row[0], row.iter().count()), (7, 8, CHUNK * 3));
    }
}
