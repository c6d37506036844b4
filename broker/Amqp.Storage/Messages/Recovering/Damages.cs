using System.Globalization;
using Amqp.Storage.Files;
using Amqp.Storage.Segments;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Messages.Recovering;

/// <summary>
/// What the disk gave back otherwise than it was written: said in the log, counted, and copied aside as it is, so that nothing
/// of it is lost when its segment goes.
/// </summary>
public sealed partial class Damages(IFileLayer files, string directory, ILogger logger)
{
    private int _count;

    /// <summary>Damaged places found since the start; from any thread.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>A range of a segment is damaged, found on opening.</summary>
    /// <param name="salvaged">Records in it that are whole and serve on.</param>
    public void Found(SegmentId segment, long offset, ReadOnlySpan<byte> bytes, int salvaged)
    {
        Interlocked.Increment(ref _count);
        LogRange(logger, segment, offset, bytes.Length, salvaged, SetAside(segment, offset, bytes));
    }

    /// <summary>The footer of a segment is damaged, so that its records had to be read one by one.</summary>
    public void FoundFooter(SegmentId segment)
    {
        Interlocked.Increment(ref _count);
        LogFooter(logger, segment);
    }

    /// <summary>The end of a segment was being written when the process ended, and is cut. That is no damage.</summary>
    public void FoundTornEnd(SegmentId segment, long offset, long length) => LogTornEnd(logger, segment, offset, length);

    /// <summary>Messages are there whose body, which several share, is not: its segment is damaged, or gone.</summary>
    public void FoundBodiless(int messages, long queue)
    {
        Interlocked.Increment(ref _count);
        LogBodiless(logger, messages, queue);
    }

    /// <summary>A body that several queues share is damaged, found when it was to be copied.</summary>
    public void FoundBody(SegmentId segment, long offset, ReadOnlySpan<byte> bytes)
    {
        Interlocked.Increment(ref _count);
        LogBody(logger, segment, offset, SetAside(segment, offset, bytes));
    }

    /// <summary>A record is damaged of which the segment's footer says all, found when it was to be copied.</summary>
    public void FoundDispensable(SegmentId segment, long offset, ReadOnlySpan<byte> bytes, long queue)
    {
        Interlocked.Increment(ref _count);
        LogDispensable(logger, queue, segment, offset, SetAside(segment, offset, bytes));
    }

    /// <summary>A message's record is damaged, found when it was to be read.</summary>
    public void FoundMessage(SegmentId segment, long offset, ReadOnlySpan<byte> bytes, long queue, long position)
    {
        Interlocked.Increment(ref _count);
        LogMessage(logger, position, queue, segment, offset, SetAside(segment, offset, bytes));
    }

    /// <summary>A segment's file does not begin and end like one.</summary>
    /// <param name="isUsable">One of its ends is whole, so its messages are served.</param>
    public void FoundFile(string path, bool isUsable)
    {
        Interlocked.Increment(ref _count);
        if (isUsable) LogHeader(logger, path);
        else LogFile(logger, path);
    }

    private string SetAside(SegmentId segment, long offset, ReadOnlySpan<byte> bytes)
    {
        var path = Path.Combine(directory, $"{segment}-{offset.ToString(CultureInfo.InvariantCulture)}.damaged");
        try
        {
            using var file = files.Open(path);
            file.Write(bytes, 0);
            return path;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"nowhere ({exception.Message})";
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Segment {Segment} of the message store is damaged: {Length} bytes from offset {Offset}. {Salvaged} records among them are whole and are kept; what else was there is lost. The bytes as they are were copied to {Copy}. Check the disk")]
    private static partial void LogRange(ILogger logger, SegmentId segment, long offset, int length, int salvaged, string copy);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The end of segment {Segment} of the message store was being written when the broker was stopped; {Length} bytes from offset {Offset}, which were never reported as stored, have been cut off")]
    private static partial void LogTornEnd(ILogger logger, SegmentId segment, long offset, long length);

    [LoggerMessage(Level = LogLevel.Error, Message = "The index of segment {Segment} of the message store is damaged; it was made anew from the segment's records, and nothing of it is lost. Check the disk")]
    private static partial void LogFooter(ILogger logger, SegmentId segment);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Count} messages of queue number {Queue} have lost their body, which they share with messages of other queues: the segment of the message store that had it is damaged or missing")]
    private static partial void LogBodiless(ILogger logger, int count, long queue);

    [LoggerMessage(Level = LogLevel.Error, Message = "A message that several queues have is damaged on the disk, in segment {Segment} at offset {Offset}, and is lost. The bytes as they are were copied to {Copy}. Check the disk")]
    private static partial void LogBody(ILogger logger, SegmentId segment, long offset, string copy);

    [LoggerMessage(Level = LogLevel.Error, Message = "A record of queue number {Queue} is damaged on the disk, in segment {Segment} at offset {Offset}; the segment's index says the same, so nothing is lost. The bytes as they are were copied to {Copy}. Check the disk")]
    private static partial void LogDispensable(ILogger logger, long queue, SegmentId segment, long offset, string copy);

    [LoggerMessage(Level = LogLevel.Error, Message = "Message {Position} of queue number {Queue} is damaged on the disk, in segment {Segment} at offset {Offset}, and is lost. The bytes as they are were copied to {Copy}. Check the disk")]
    private static partial void LogMessage(ILogger logger, long position, long queue, SegmentId segment, long offset, string copy);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path}, a file of the message store, is damaged in what says how it is laid out; its messages are served. Check the disk")]
    private static partial void LogHeader(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path} has the name of a file of the message store and does not begin like one, or is missing; what is there was left, and messages in it are not served. Check the disk")]
    private static partial void LogFile(ILogger logger, string path);
}
