//! What a component is made of, in numbers, and the limits of each.

use crate::config::units::ByteSize;

/// The numbers of a component, or the most that each may be.
///
/// What starting a component makes is *multiplied out*: a nested component that is instantiated twice counts twice, with all
/// that it makes. Sums stop at `u64::MAX`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Census {
    /// Bytes of the file: `component_size_max`.
    pub size: u64,
    /// Core modules and components in it: `component_modules_max`.
    pub modules: u64,
    /// Instances that starting it makes, of modules, components and bundles of exports: `component_instances_max`.
    pub instances: u64,
    /// Memories that its modules define, or that starting it makes, whichever is more: `component_memories_max`.
    pub memories: u64,
    /// Tables, counted as memories are: `component_tables_max`.
    pub tables: u64,
    /// Functions of its modules, and those that lift, lower and handle resources: `component_functions_max`.
    pub functions: u64,
    /// Locals of the function that has most, parameters included: `component_locals_max`.
    pub locals: u64,
    /// Types of its modules and of itself, also within other types: `component_types_max`.
    pub types: u64,
    /// How deep types stand in each other: `component_type_depth_max`.
    pub type_depth: u64,
    /// Start functions, counted as memories are: `component_starts_max`.
    pub starts: u64,
    /// Bytes of memory that starting it asks for: `memory_per_instance`.
    pub memory: u64,
    /// Elements of tables that starting it asks for: `table_elements_max`.
    pub table_elements: u64,
}

/// The host's defaults, as `[limits]` has them.
impl Default for Census {
    fn default() -> Self {
        Self {
            size: 20 << 20,
            modules: 200,
            instances: 1000,
            memories: 8,
            tables: 32,
            functions: 100_000,
            locals: 10_000,
            types: 100_000,
            type_depth: 100,
            starts: 16,
            memory: 32 << 20,
            table_elements: 10_000,
        }
    }
}

/// One number of a census is past its limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {count}, `{key}` is {max}")]
pub struct TooMany {
    /// What was counted.
    pub what: &'static str,
    /// How many; where counting stopped early, more than the limit.
    pub count: String,
    /// The limit's name in the config.
    pub key: &'static str,
    /// The limit.
    pub max: String,
}

/// How a number is written.
#[derive(Clone, Copy)]
enum Unit {
    Count,
    Bytes,
}

type Row = (&'static str, &'static str, Unit, fn(&Census) -> u64);

/// Each number: what it counts, the limit's name, how it is written.
const ROWS: [Row; 12] = [
    ("size", "component_size_max", Unit::Bytes, |c| c.size),
    ("modules and components", "component_modules_max", Unit::Count, |c| c.modules),
    ("instances", "component_instances_max", Unit::Count, |c| c.instances),
    ("memories", "component_memories_max", Unit::Count, |c| c.memories),
    ("tables", "component_tables_max", Unit::Count, |c| c.tables),
    ("functions", "component_functions_max", Unit::Count, |c| c.functions),
    ("locals of one function", "component_locals_max", Unit::Count, |c| c.locals),
    ("types", "component_types_max", Unit::Count, |c| c.types),
    ("depth of types", "component_type_depth_max", Unit::Count, |c| c.type_depth),
    ("start functions", "component_starts_max", Unit::Count, |c| c.starts),
    ("memory at the start", "memory_per_instance", Unit::Bytes, |c| c.memory),
    ("table elements at the start", "table_elements_max", Unit::Count, |c| c.table_elements),
];

impl Census {
    /// Of nothing.
    pub(super) fn zero() -> Self {
        Self {
            size: 0,
            modules: 0,
            instances: 0,
            memories: 0,
            tables: 0,
            functions: 0,
            locals: 0,
            types: 0,
            type_depth: 0,
            starts: 0,
            memory: 0,
            table_elements: 0,
        }
    }

    /// Holds the numbers against the most that each may be.
    ///
    /// # Errors
    /// The first that is past its limit.
    pub fn within(&self, limits: &Self) -> Result<(), TooMany> {
        let over = ROWS.iter().find(|(_, _, _, number)| number(self) > number(limits));
        let Some((what, key, unit, number)) = over else { return Ok(()) };
        let write = |n: u64| match unit {
            Unit::Count => n.to_string(),
            Unit::Bytes => ByteSize(n).to_string(),
        };
        Err(TooMany { what, count: write(number(self)), key, max: write(number(limits)) })
    }
}

/// What making an instance of one module or component takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) instances: u64,
    pub(super) memories: u64,
    pub(super) memory: u64,
    pub(super) tables: u64,
    pub(super) table_elements: u64,
    pub(super) starts: u64,
}

impl Cost {
    pub(super) fn add(&mut self, other: &Self) {
        let Self { instances, memories, memory, tables, table_elements, starts } = other;
        self.instances = self.instances.saturating_add(*instances);
        self.memories = self.memories.saturating_add(*memories);
        self.memory = self.memory.saturating_add(*memory);
        self.tables = self.tables.saturating_add(*tables);
        self.table_elements = self.table_elements.saturating_add(*table_elements);
        self.starts = self.starts.saturating_add(*starts);
    }
}
