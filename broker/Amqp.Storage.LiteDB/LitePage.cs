using System.Buffers.Binary;

namespace Amqp.Storage.Lite;

/// <summary>The little that has to be known of a page of LiteDB (file format 8), whose beginning and end are
/// <code>
/// 0        4      14            18          23      30        32                    8192 - 4 * blocks   8192
/// +--------+------+--- - - -----+-----------+- - - -+---------+---- - - - - - - ----+----------- - - ---+
/// | number | type | transaction | confirmed |       | highest | blocks              | length, position  |
/// |        |      |             |           |       | block   |                     | of each, last first
/// +--------+------+--- - - -----+-----------+- - - -+---------+---- - - - - - - ----+----------- - - ---+
///   u32      u8     u32           u8                  u8                               u16, u16
///
/// block of a data page: 1 if it continues a document | next block u32, u8 | bytes of the document
/// page 0 has at 64 the number of the last page, u32
/// </code>
/// </summary>
internal static class LitePage
{
    /// <summary>Bytes of a document in a block that fills a page.</summary>
    public const int BlockBytesMax = 8150;

    private const int HeaderSize = 32;
    private const int BlockHead = 6;
    private const byte DataType = 4;
    private const byte NoBlock = 255;

    public static uint Number(ReadOnlySpan<byte> page) => BinaryPrimitives.ReadUInt32LittleEndian(page);

    public static uint LastPage(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[64..]);

    /// <summary>In the log a page belongs to a transaction; in the data file it must not.</summary>
    public static void ClearTransaction(Span<byte> page)
    {
        page[14..18].Fill(0xFF);
        page[18] = 0;
    }

    /// <summary>The blocks of documents in a page: where the bytes are, and whether they begin a document.</summary>
    public static List<(int Start, int Length, bool IsFirst)> Blocks(ReadOnlySpan<byte> page)
    {
        var blocks = new List<(int, int, bool)>();
        if (page[4] != DataType || page[30] == NoBlock) return blocks;
        for (var index = 0; index <= page[30]; index++)
        {
            var slot = page[(PageFrame.PageSize - (4 * (index + 1)))..];
            var length = BinaryPrimitives.ReadUInt16LittleEndian(slot);
            var position = BinaryPrimitives.ReadUInt16LittleEndian(slot[2..]);
            if (position < HeaderSize || length <= BlockHead || position + length > PageFrame.PageSize) continue;
            blocks.Add((position + BlockHead, length - BlockHead, page[position] == 0));
        }
        return blocks;
    }
}
