namespace Amqp.Storage.Lite;

/// <summary>
/// Reads a segment past LiteDB, by the cells in each page that is whole: when a page is damaged that says where the others are,
/// nothing else is lost with it.
/// </summary>
internal sealed class Salvage
{
    private readonly PageFile _pages;
    private readonly byte[] _page = new byte[PageFrame.PageSize];
    private readonly List<(long Offset, uint Page, int Start, int Length)> _cells = [];

    public Salvage(PageFile pages)
    {
        _pages = pages;
        foreach (var page in pages.Numbers)
        {
            if (!pages.TryRead(page, _page)) continue;
            foreach (var cell in Cells.InPage(_page)) _cells.Add((cell.Offset, page, cell.Start, cell.Length));
        }
        _cells.Sort();
    }

    /// <summary>Fills in what there is of a range; the rest is left as it is.</summary>
    public void Read(Span<byte> destination, long offset)
    {
        var next = _cells.BinarySearch((offset, 0, 0, 0));
        if (next < 0) next = ~next;
        // The cell before may reach into the range.
        for (next = Math.Max(0, next - 1); next < _cells.Count && _cells[next].Offset < offset + destination.Length; next++)
        {
            var cell = _cells[next];
            if (cell.Offset + cell.Length > offset && _pages.TryRead(cell.Page, _page))
                Cells.Copy(_page.AsSpan(cell.Start, cell.Length), cell.Offset, destination, offset);
        }
    }
}
