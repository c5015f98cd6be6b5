//! `bulky`: 1.7 MB of functions, one of which looks at each chunk. For `cargo xtask bench swaps`: what compiling costs.

use gatepost_sdk::{Content, Context, Description, Flow, Processor, Refusal};

/// The processor.
#[derive(Debug)]
pub struct Bulky;

gatepost_sdk::export!(Bulky);

/// Functions that differ in their constants alone; the compiler may not make one of them.
type Mixer = fn(&[u8]) -> u64;

/// One of them.
#[inline(never)]
fn mix<const N: u64>(bytes: &[u8]) -> u64 {
    let mut state = [N, N ^ 0x9e37_79b9, N.wrapping_mul(31), N.rotate_left(17)];
    for chunk in bytes.chunks(8) {
        let word = chunk.iter().fold(N, |word, byte| word.wrapping_mul(257) ^ u64::from(*byte));
        state[0] = state[0].wrapping_add(word).rotate_left((N % 63) as u32) ^ state[3];
        state[1] = (state[1] ^ state[0]).wrapping_mul(N | 1);
        state[2] = if word % (N + 2) == 0 { state[2] ^ state[1] } else { state[2].wrapping_sub(state[0]) };
        state[3] = match word % 5 {
            0 => state[3].swap_bytes() ^ N,
            1 => state[3].wrapping_add(state[1]),
            2 => state[3].rotate_right(7) ^ state[2],
            3 => state[3] | (N << 3),
            _ => !state[3],
        };
    }
    state.iter().fold(N, |sum, word| sum ^ word)
}

macro_rules! mixers {
    ($($a:literal)*) => { [$(
        mix::<{ $a * 10 }>, mix::<{ $a * 10 + 1 }>, mix::<{ $a * 10 + 2 }>, mix::<{ $a * 10 + 3 }>, mix::<{ $a * 10 + 4 }>,
        mix::<{ $a * 10 + 5 }>, mix::<{ $a * 10 + 6 }>, mix::<{ $a * 10 + 7 }>, mix::<{ $a * 10 + 8 }>, mix::<{ $a * 10 + 9 }>,
    )*] };
}

const MIXERS: &[Mixer] = &mixers!(
    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35
    36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67
    68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99
    100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123
    124 125 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143 144 145 146 147
    148 149 150 151 152 153 154 155 156 157 158 159 160 161 162 163 164 165 166 167 168 169 170 171
    172 173 174 175 176 177 178 179 180 181 182 183 184 185 186 187 188 189 190 191 192 193 194 195
    196 197 198 199 200
);

impl Processor for Bulky {
    type Config = ();

    fn describe() -> Description {
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        Description::new(name, version, env!("CARGO_PKG_DESCRIPTION")).takes(Content::Any).gives(Content::Any)
    }

    fn configure((): ()) -> Result<Self, String> {
        Ok(Self)
    }

    fn write(&mut self, chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        let first = usize::from(chunk.first().copied().unwrap_or(0));
        std::hint::black_box(MIXERS[(first * 7 + chunk.len()) % MIXERS.len()](chunk));
        Ok(Flow::Pass)
    }
}
