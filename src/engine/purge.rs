//! Which entries a log gives up when it holds too much: what is worth least, of the session that has most of it.

use std::collections::HashMap;

use super::rank::Rank;
use crate::ground::SessionId;

/// An entry, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub session: &'a SessionId,
    pub rank: Rank,
    pub bytes: usize,
}

/// How much is to be kept at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    pub events: usize,
    pub bytes: usize,
}

/// Which of the entries go, by place. The last one always stays.
pub(super) fn victims(entries: &[Candidate<'_>], keep: Keep) -> Vec<bool> {
    let mut purge = Purge { entries, gone: vec![false; entries.len()], events: 0, bytes: 0 };
    let bytes: usize = entries.iter().map(|entry| entry.bytes).sum();
    for rank in Rank::ALL {
        let events = (entries.len() - purge.events).saturating_sub(keep.events);
        purge.free(rank, events, |_| 1);
        let bytes = (bytes - purge.bytes).saturating_sub(keep.bytes);
        purge.free(rank, bytes, |entry| entry.bytes);
    }
    purge.gone
}

struct Purge<'a> {
    entries: &'a [Candidate<'a>],
    gone: Vec<bool>,
    /// What goes.
    events: usize,
    bytes: usize,
}

impl Purge<'_> {
    /// Marks entries of a rank that cost `needed` together, as far as there are so many.
    fn free(&mut self, rank: Rank, needed: usize, cost: impl Fn(&Candidate<'_>) -> usize) {
        if needed == 0 {
            return;
        }
        let mut by_session: HashMap<&SessionId, Vec<usize>> = HashMap::new();
        let older = self.entries.len().saturating_sub(1);
        for (place, entry) in self.entries[..older].iter().enumerate() {
            if entry.rank == rank && !self.gone[place] {
                by_session.entry(entry.session).or_default().push(place);
            }
        }
        if rank == Rank::Life {
            // No session has more than a few of them: the oldest of all go.
            let mut places: Vec<usize> = by_session.into_values().flatten().collect();
            places.sort_unstable();
            self.mark(&places, needed, &cost);
            return;
        }
        let total = |places: &[usize]| places.iter().map(|place| cost(&self.entries[*place])).sum::<usize>();
        let mut sessions: Vec<(usize, Vec<usize>)> =
            by_session.into_values().map(|places| (total(&places), places)).collect();
        // Who has most comes first; of those who have as much, the oldest.
        sessions.sort_unstable_by(|(a, older), (b, newer)| b.cmp(a).then_with(|| older.cmp(newer)));
        let totals: Vec<usize> = sessions.iter().map(|(total, _)| *total).collect();
        let level = level(&totals, needed);
        let mut left = needed;
        for (total, places) in sessions {
            let freed = self.mark(&places, total.saturating_sub(level).min(left), &cost);
            left = left.saturating_sub(freed);
        }
    }

    /// Marks the first of these until they cost `needed`. What they cost.
    fn mark(&mut self, places: &[usize], needed: usize, cost: &impl Fn(&Candidate<'_>) -> usize) -> usize {
        let mut freed = 0;
        for place in places {
            if freed >= needed {
                break;
            }
            let entry = &self.entries[*place];
            freed += cost(entry);
            self.gone[*place] = true;
            self.events += 1;
            self.bytes += entry.bytes;
        }
        freed
    }
}

/// Down to which level the highest have to come so that `needed` is freed; the highest stands first.
fn level(totals: &[usize], needed: usize) -> usize {
    let mut sum = 0;
    for (count, total) in (1..).zip(totals) {
        sum += total;
        let next = totals.get(count).copied().unwrap_or(0);
        if sum.saturating_sub(needed) >= next * count {
            return sum.saturating_sub(needed) / count;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[10, 2, 2], 5, 5)]
    #[case(&[10, 8, 2], 6, 6)]
    #[case(&[10, 8, 2], 20, 0)]
    #[case(&[10, 8, 2], 99, 0)]
    #[case(&[], 3, 0)]
    fn the_highest_come_down_to_one_level(
        #[case] totals: &[usize],
        #[case] needed: usize,
        #[case] expected: usize,
    ) {
        assert_eq!(level(totals, needed), expected);
    }
}
