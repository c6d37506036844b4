using System.Buffers.Binary;

namespace Amqp.Storage.Lite;

/// <summary>
/// What a document holds: bytes of a segment, in cells each of which fills a block of LiteDB and says where its bytes belong. So
/// what is in a page can be told from that page alone, and a damaged page costs what is in it and nothing else.
/// <code>
/// document   { _id: offset in the segment (Int64), b: cells (Binary) }
///
/// page n                              page n + 1                   page n + 2
/// +---------------------------------+ +--------------------------+ +-----------------+
/// | document's head | cell          | | cell                     | | cell |          |
/// | 25 bytes        | 8125 bytes    | | 8150 bytes               | |      |          |
/// +---------------------------------+ +--------------------------+ +-----------------+
///
/// cell   "CELL" | length u32 | offset u64 | bytes
/// </code>
/// </summary>
internal static class Cells
{
    /// <summary>Bytes of a segment in one document, at most: eight pages, and no array of the large object heap.</summary>
    public const int BytesMax = FirstBytes + (7 * MoreBytes) - 1; // the last byte of a document is its end

    private const uint Magic = 0x4C4C_4543; // "CELL"
    private const int HeadSize = 16;

    /// <summary>What a document has before its cells: its length; type, "_id" and value; type, "b", length and subtype.</summary>
    private const int DocumentHead = 4 + 13 + 8;
    private const int FirstBytes = LitePage.BlockBytesMax - DocumentHead - HeadSize;
    private const int MoreBytes = LitePage.BlockBytesMax - HeadSize;

    /// <summary>Bytes of the cells that hold so many of a segment.</summary>
    public static int SizeOf(int bytes) => bytes + (HeadSize * (1 + ((Math.Max(0, bytes - FirstBytes) + MoreBytes - 1) / MoreBytes)));

    /// <param name="bytes">At least one.</param>
    /// <param name="offset">Where in the segment they belong.</param>
    /// <param name="cells">As long as <see cref="SizeOf"/> says.</param>
    public static void Write(ReadOnlySpan<byte> bytes, long offset, Span<byte> cells)
    {
        for (var start = 0; ;)
        {
            var length = Math.Min(bytes.Length - start, start == 0 ? FirstBytes : MoreBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(cells, Magic);
            BinaryPrimitives.WriteInt32LittleEndian(cells[4..], length);
            BinaryPrimitives.WriteInt64LittleEndian(cells[8..], offset + start);
            bytes.Slice(start, length).CopyTo(cells[HeadSize..]);
            start += length;
            if (start == bytes.Length) return;
            cells = cells[(HeadSize + length)..];
        }
    }

    /// <summary>Copies what of the cells lies in a range of the segment; returns the end of what they hold.</summary>
    public static long Read(ReadOnlySpan<byte> cells, Span<byte> destination, long offset)
    {
        var end = 0L;
        while (TryRead(cells, out var cell))
        {
            Copy(cells.Slice(HeadSize, cell.Length), cell.Offset, destination, offset);
            end = cell.Offset + cell.Length;
            cells = cells[(HeadSize + cell.Length)..];
        }
        return end;
    }

    /// <summary>Copies what of bytes that stand at one offset lies in the range that begins at another.</summary>
    public static void Copy(ReadOnlySpan<byte> bytes, long from, Span<byte> destination, long offset)
    {
        var start = Math.Max(from, offset);
        var length = Math.Min(from + bytes.Length, offset + destination.Length) - start;
        if (length > 0) bytes.Slice((int)(start - from), (int)length).CopyTo(destination[(int)(start - offset)..]);
    }

    /// <summary>The cells in a page of LiteDB: where their bytes begin there, how many, and where in the segment they belong.</summary>
    public static IEnumerable<Cell> InPage(byte[] page)
    {
        foreach (var (start, length, isFirst) in LitePage.Blocks(page))
        {
            var head = isFirst ? DocumentHead : 0;
            if (length > head && TryRead(page.AsSpan(start + head, length - head), out var cell))
                yield return new Cell(start + head + HeadSize, cell.Length, cell.Offset);
        }
    }

    private static bool TryRead(ReadOnlySpan<byte> bytes, out (int Length, long Offset) cell)
    {
        cell = default;
        if (bytes.Length < HeadSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic) return false;
        cell = (BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]));
        return cell.Length >= 0 && cell.Length <= bytes.Length - HeadSize;
    }
}

/// <param name="Start">Where in the page its bytes begin.</param>
/// <param name="Offset">Where in the segment they belong.</param>
internal readonly record struct Cell(int Start, int Length, long Offset);
