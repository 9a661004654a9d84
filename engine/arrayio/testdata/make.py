"""Writes the files of this folder: numpy 2.4.6, pyarrow 26.0.1, run in this folder.

Every file holds table(): 5 rows of 3 numbers, 10 i + j + 0.5 where the type has halves.
"""
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def table(dtype):
    a = np.array([[10 * i + j for j in range(3)] for i in range(5)], dtype="f8")
    if np.dtype(dtype).kind == "f":
        a += 0.5
    return a.astype(dtype)


for dtype in ["<f2", ">f4", "<f8", "|i1", ">i2", "<i4", "<i8", "|u1", "<u2", ">u4", "<u8"]:
    np.save(f"{'be' if dtype[0] == '>' else 'le'}-{dtype[1:]}.npy", table(dtype))
np.save("fortran.npy", np.asfortranarray(table(">f8")))
np.save("bool.npy", table("f8") % 2 > 0.6)
np.save("rank3.npy", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
for version in [(2, 0), (3, 0)]:
    with open(f"version{version[0]}.npy", "wb") as f:
        np.lib.format.write_array(f, table("f8"), version=version)
with gzip.open("gzip.npy.gz", "wb") as f:
    np.save(f, table("f4"))
np.save("object.npy", np.array([1, None], dtype=object))
np.save("structured.npy", np.zeros(2, dtype=[("x", "f8"), ("y", "i4")]))
np.save("complex.npy", np.zeros(2, dtype="c16"))
np.save("string.npy", np.array(["a", "b"]))
np.save("date.npy", np.array(["2020-01-01"], dtype="M8[D]"))
np.save("longdouble.npy", np.zeros(2, dtype=np.longdouble))
np.savez("one.npz", table("f8"))
np.savez_compressed("two.npz", x=table("f4"), y=table("f8") + 1)

columns = {name: table("f8")[:, j] for j, name in enumerate(["x", "y", "z"])}
for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    pq.write_table(pa.table(columns), f"{codec}.parquet", compression=codec, row_group_size=2)
pq.write_table(pa.table(columns), "pages2.parquet", data_page_version="2.0", use_dictionary=False)
types = [pa.float16(), pa.float32(), pa.int8(), pa.int16(), pa.int32(), pa.int64(),
         pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.bool_()]
pq.write_table(pa.table({str(t): pa.array([1, 0, 1]).cast(pa.int8()).cast(t) if t != pa.float16()
                         else pa.array(np.array([1, 0, 1], "f2")) for t in types}), "types.parquet")
pq.write_table(pa.table({"x": [1.5, None, 2.5]}), "null.parquet")
pq.write_table(pa.table({"x": [1.5, float("nan"), 2.5]}), "nan.parquet")
pq.write_table(pa.table({"x": [1.5, 2.5], "name": ["a", "b"]}), "string.parquet")
pq.write_table(pa.table({"x": [[1.0], [2.0, 3.0]]}), "list.parquet")
pq.write_table(pa.table({"x": [{"a": 1.0}, {"a": 2.0}], "y": [3.0, 4.0]}), "struct.parquet")
pq.write_table(pa.table({"x": pa.array([1, 2], pa.timestamp("us"))}), "time.parquet")
pq.write_table(pa.table({"x": pa.array([], pa.float64())}), "empty.parquet")
