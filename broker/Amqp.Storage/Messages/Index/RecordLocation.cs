namespace Amqp.Storage.Messages.Index;

/// <summary>
/// Where a message's record is, in twelve bytes without a reference: ten million of them cost the collector nothing.
/// </summary>
internal readonly record struct RecordLocation
{
    private const uint SharedFlag = 1u << 31;
    private const uint PageFlag = 1u << 30;
    private const int PendingSegment = -1;

    private readonly int _segment;
    private readonly uint _offset;
    private readonly uint _length;

    private RecordLocation(int segment, uint offset, uint length)
    {
        _segment = segment;
        _offset = offset;
        _length = length;
    }

    /// <summary>There is no message.</summary>
    public bool IsNone => _segment == 0;

    /// <summary>It waits in memory to be written.</summary>
    public bool IsPending => _segment == PendingSegment;

    /// <summary>Number of the segment.</summary>
    public int Segment => _segment;

    /// <summary>Of a pending message: the lower half of its number in the line.</summary>
    public uint PendingNumber => _offset;

    /// <summary>Of the record, in its segment; for a shared body, the body's slot in <see cref="SharedBodies"/>.</summary>
    public uint Offset => _offset;

    /// <summary>Of the record, padding left out.</summary>
    public int Length => (int)(_length & ~(SharedFlag | PageFlag));

    /// <summary>The record names a body that is elsewhere.</summary>
    public bool IsShared => (_length & SharedFlag) != 0;

    /// <summary>It ends with the process.</summary>
    public bool IsPage => (_length & PageFlag) != 0;

    public int BodySlot => (int)_offset;

    public static RecordLocation Pending(long number, bool isPage) => new(PendingSegment, (uint)number, isPage ? PageFlag : 0);

    public static RecordLocation OnDisk(int segment, long offset, int length, bool isPage) =>
        new(segment, checked((uint)offset), (uint)length | (isPage ? PageFlag : 0));

    public static RecordLocation Shared(int segment, int bodySlot, int length, bool isPage) =>
        new(segment, (uint)bodySlot, (uint)length | SharedFlag | (isPage ? PageFlag : 0));

    /// <summary>The record was copied to another segment.</summary>
    public RecordLocation MovedTo(int segment, long offset) =>
        IsShared ? new RecordLocation(segment, _offset, _length) : new RecordLocation(segment, checked((uint)offset), _length);
}
