//! Any header section edited in any way: what nobody edits stays, what was written reads back.
//!
//! The first line is the name and text to write, the rest the section.

#![no_main]

use gatepost_sdk::header::Header;
use libfuzzer_sys::fuzz_target;

fn fields(header: &Header<'_>) -> Vec<(String, Vec<u8>)> {
    header.fields().map(|field| (field.name.to_owned(), field.value.to_vec())).collect()
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (line, section) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let line = String::from_utf8_lossy(line);
    let (name, text) = line.split_once(':').unwrap_or(("X-Name", &line));

    let untouched = Header::parse(section);
    assert!(untouched.to_bytes() == section && !untouched.is_changed());
    if section.ends_with(b"\r") {
        // Half of a line end: part of the last value until the line is completed.
        return;
    }
    let before = fields(&untouched);
    untouched.fields().for_each(|field| drop(field.text()));

    let mut header = Header::parse(section);
    let Ok(()) = header.add_last(name, text) else {
        assert!(!header.is_changed() && header.to_bytes() == section);
        return;
    };
    let bytes = header.to_bytes();
    let read = Header::parse(&bytes);
    let mut after = fields(&read);
    // No text can make two fields of one, or reach into another.
    let added = after.pop().expect("the field that was added");
    assert_eq!(added.0, name);
    assert_eq!(after, before);

    header.add_first(name, text).expect("it was added last before");
    let same = |(known, _): &&(String, Vec<u8>)| known.eq_ignore_ascii_case(name);
    let count = before.iter().filter(same).count();
    header.replace(name, "new").expect("a plain text");
    assert_eq!(header.get(name).expect("it was added").text(), "new");
    header.prefix(name, text).expect("it was added before");
    let bytes = header.to_bytes();
    assert_eq!(fields(&Header::parse(&bytes)).len(), before.len() + 2);
    let mut header = Header::parse(&bytes);
    assert_eq!(header.rename(name, "X-Renamed").expect("a plain name"), count + 2);
    assert!(header.remove("x-renamed") >= count + 2);
    let others = |(known, _): &&(String, Vec<u8>)| {
        !known.eq_ignore_ascii_case(name) && !known.eq_ignore_ascii_case("x-renamed")
    };
    let left: Vec<_> = fields(&header);
    assert_eq!(left, before.iter().filter(others).cloned().collect::<Vec<_>>());
});
