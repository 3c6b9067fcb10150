//! Lists with an index type each, so that an index into one list can't be used for another.

use std::{marker::PhantomData, slice};

/// The place of one thing of kind `K`. Only a [`Table`] gives ids out.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<K> {
    /// Small, since requests carry several.
    place: u32,
    kind: PhantomData<K>,
}

/// One `T` for each thing of kind `K`.
///
/// Nothing is ever removed or moved. So an id is valid in the table that created it, in every table
/// that was [mapped](Self::map) from that one, and in one that was collected from a list of the
/// same things.
#[derive(Debug, Clone)]
pub struct Table<K, T> {
    items: Vec<T>,
    kind: PhantomData<K>,
}

impl<K> Id<K> {
    /// The first thing of every table that is not empty.
    pub const FIRST: Self = Self::at(0);

    /// Its position in the configuration, for messages.
    pub fn position(self) -> usize {
        self.place as usize
    }

    #[expect(clippy::cast_possible_truncation, reason = "no configuration has 2³² of anything")]
    const fn at(place: usize) -> Self {
        Self { place: place as u32, kind: PhantomData }
    }
}

// By hand: derived, it would be one only if its kind is.
impl<K> Copy for Id<K> {}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, T> Table<K, T> {
    /// The thing of that id.
    ///
    /// # Panics
    /// If the id is from another table, and is beyond the end of this one.
    #[inline]
    pub fn get(&self, id: Id<K>) -> &T {
        self.items.get(id.position()).unwrap_or_else(|| foreign())
    }

    /// The thing of that id, to be changed.
    ///
    /// # Panics
    /// As [`Self::get`].
    pub fn get_mut(&mut self, id: Id<K>) -> &mut T {
        self.items.get_mut(id.position()).unwrap_or_else(|| foreign())
    }

    /// Adds a thing at the end.
    pub fn push(&mut self, item: T) -> Id<K> {
        self.items.push(item);
        Id::at(self.items.len() - 1)
    }

    /// Everything, in order.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Everything, in order, to be changed.
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    /// Everything with its id, in order.
    pub fn iter_with_ids(&self) -> impl DoubleEndedIterator<Item = (Id<K>, &T)> {
        self.items.iter().enumerate().map(|(place, item)| (Id::at(place), item))
    }

    /// The id of the first thing that is wanted.
    pub fn find(&self, wanted: impl FnMut(&T) -> bool) -> Option<Id<K>> {
        self.items.iter().position(wanted).map(Id::at)
    }

    /// A table with something else for each of these things. Their ids stay.
    pub fn map<'t, U>(&'t self, each: impl FnMut(&'t T) -> U) -> Table<K, U> {
        self.items.iter().map(each).collect()
    }

    /// [`Self::map`] with the ids.
    pub fn map_with_ids<'t, U>(&'t self, mut each: impl FnMut(Id<K>, &'t T) -> U) -> Table<K, U> {
        self.iter_with_ids().map(|(id, item)| each(id, item)).collect()
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Settings, and what is compiled from them, have their references checked when they are read:
/// only code that mixes two configurations gets here.
#[cold]
fn foreign() -> ! {
    unreachable!("an id of another table")
}

impl<K, T> Default for Table<K, T> {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl<K, T> FromIterator<T> for Table<K, T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { items: items.into_iter().collect(), kind: PhantomData }
    }
}

impl<'t, K, T> IntoIterator for &'t Table<K, T> {
    type Item = &'t T;
    type IntoIter = slice::Iter<'t, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'t, K, T> IntoIterator for &'t mut Table<K, T> {
    type Item = &'t mut T;
    type IntoIter = slice::IterMut<'t, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fruit {}

    type Fruits<T> = Table<Fruit, T>;

    fn fruits() -> Fruits<&'static str> {
        ["apple", "pear", "plum"].into_iter().collect()
    }

    #[test]
    fn an_id_leads_to_the_thing_that_it_was_given_out_for() {
        let mut fruits = fruits();
        let quince = fruits.push("quince");
        let plum = fruits.find(|fruit| *fruit == "plum").unwrap();
        assert_eq!((*fruits.get(plum), *fruits.get(quince)), ("plum", "quince"));
        assert_eq!((plum.position(), quince.position()), (2, 3));
        assert_eq!(fruits.find(|fruit| *fruit == "fig"), None);
        for (id, fruit) in fruits.iter_with_ids() {
            assert_eq!(fruits.get(id), fruit);
        }
    }

    #[test]
    fn a_mapped_table_has_the_same_ids() {
        let fruits = fruits();
        let lengths = fruits.map(|fruit| fruit.len());
        let positions = fruits.map_with_ids(|id, _| id.position());
        for (id, fruit) in fruits.iter_with_ids() {
            assert_eq!((*lengths.get(id), *positions.get(id)), (fruit.len(), id.position()));
        }
    }

    #[test]
    fn a_change_stays_in_its_place() {
        let mut fruits = fruits();
        let pear = fruits.find(|fruit| *fruit == "pear").unwrap();
        *fruits.get_mut(pear) = "fig";
        assert_eq!(fruits.iter().copied().collect::<Vec<_>>(), ["apple", "fig", "plum"]);
        fruits.iter_mut().for_each(|fruit| *fruit = "none");
        assert_eq!(*fruits.get(pear), "none");
    }

    #[test]
    fn an_empty_table_has_no_ids() {
        let none = Fruits::<u8>::default();
        assert!(none.is_empty() && none.iter_with_ids().next().is_none());
        assert_eq!(fruits().len(), 3);
    }

    #[test]
    #[should_panic(expected = "an id of another table")]
    fn an_id_from_beyond_the_end_is_a_mistake_of_the_program() {
        let mut longer = fruits();
        let quince = longer.push("quince");
        fruits().get(quince);
    }
}
