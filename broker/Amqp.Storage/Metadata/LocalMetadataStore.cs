using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Metadata;

/// <summary>
/// The topology of a single node, in an append-only file of the data directory. What a command changed is one line, so that
/// a crash leaves all of it or none; <see cref="DefinitionRecord"/> draws the line. One thread writes: everything that was
/// committed while it flushed shares the next flush.
/// <para>
/// A last line without its end is what a crash leaves, and is cut. Any other line whose checksum is wrong is damage: the file
/// is copied aside, the line is skipped and reported, the rest is used. When more than half of the file is history, it is
/// written anew.
/// </para>
/// <para>
/// Each opening has a number, stored before the store is used; the numbers of queues begin with it. So no queue ever gets
/// the number of another, although transient queues, which have numbers too, leave no trace in the file.
/// </para>
/// </summary>
public sealed partial class LocalMetadataStore : IMetadataStore, IDisposable
{
    public const string FileName = "definitions.log";

    /// <summary>What is added to the name of a damaged file's copy, before the time.</summary>
    private const string DamagedSuffix = ".damaged-";

    /// <summary>Below so many records a rewrite would save nothing worth the flush.</summary>
    private const int RecordsKept = 1_000;

    /// <summary>The lower bits of a queue's number count the queues made since the opening: a million million of them.</summary>
    private const int QueueNumberBits = 40;

    private readonly BlockingCollection<Batch> _committed = [];
    private readonly DefinitionsFile _file;
    private readonly TopologySnapshot _loaded;
    private readonly long _opened;
    private readonly ILogger<LocalMetadataStore> _logger;
    private readonly Action<Exception> _failed;
    private readonly Thread _writer;
    private long _revision;
    private int _records;
    private int _recordsMax;

    private LocalMetadataStore(
        DefinitionsFile file, TopologySnapshot loaded, long opened, int records, ILogger<LocalMetadataStore> logger, Action<Exception> failed)
    {
        _file = file;
        _loaded = loaded;
        _opened = opened;
        _records = records;
        _recordsMax = RecordsKept;
        _logger = logger;
        _failed = failed;
        _writer = new Thread(Write) { Name = "definitions", IsBackground = true };
    }

    /// <summary>Opens the store of a data directory, or makes one.</summary>
    /// <param name="failed">Called once, on the store's thread, when a write or a flush failed. Nothing is durable any more
    /// from then on and nothing is answered: the process must end.</param>
    /// <exception cref="StorageException">The file cannot be read and written, or a newer version wrote it.</exception>
    public static LocalMetadataStore Open(
        DataDirectory directory, TimeProvider time, ILogger<LocalMetadataStore> logger, Action<Exception> failed)
    {
        var path = Path.Combine(directory.FullPath, FileName);
        try
        {
            var file = new DefinitionsFile(path);
            try
            {
                var store = Open(path, file, time, logger, failed);
                store._writer.Start();
                return store;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CannotBeUsed(path, exception);
        }
    }

    /// <summary>Puts other definitions in the place of what a data directory has: its node was in a cluster, which had them elsewhere.</summary>
    /// <param name="above">The number of the next opening is above it: positions of messages are not.</param>
    /// <exception cref="StorageException">The file cannot be read and written, a newer version wrote it, or the numbers of openings are used up.</exception>
    public static void Replace(DataDirectory directory, TopologySnapshot topology, long above)
    {
        var path = Path.Combine(directory.FullPath, FileName);
        try
        {
            using var file = new DefinitionsFile(path);
            file.WriteSuccessor(topology, Math.Max(Math.Max(DefinitionsReader.Read(path).Opened, above), topology.LastQueueId >> QueueNumberBits));
            file.Succeed();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CannotBeUsed(path, exception);
        }
    }

    /// <summary>The number of this opening; no other of this data directory has or had it.</summary>
    public long Opening => _opened;

    /// <summary>The file was damaged once, and the copy that was made of it is still there: definitions may be missing whose
    /// messages are not.</summary>
    public bool WasDamaged { get; private set; }

    /// <remarks>Nothing else changes it, so nothing is ever told.</remarks>
    public Task<StoredTopology> Load(Action<StoredChanges> changed, CancellationToken cancellation) => Task.FromResult(Load());

    /// <summary>What is stored.</summary>
    public StoredTopology Load() => new(_loaded, Revision: 0, checked((uint)_opened), IsWhole: !WasDamaged);

    public bool Keeps(TopologyChange change) => change.Durable;

    public void Commit(long basis, IReadOnlyList<TopologyResult> batch, Action<CommitAnswer> answered) => _committed.Add(new(batch, answered));

    /// <summary>Writes what has been committed, and ends.</summary>
    public void Dispose()
    {
        _committed.CompleteAdding();
        _writer.Join();
        _file.Dispose();
        _committed.Dispose();
    }

    private static LocalMetadataStore Open(
        string path, DefinitionsFile file, TimeProvider time, ILogger<LocalMetadataStore> logger, Action<Exception> failed)
    {
        var read = DefinitionsReader.Read(path);
        // A damaged line may have been that of an opening, so its number counts as used.
        var opened = read.Opened + read.Damages.Count + 1;
        if (opened > Positions.EpochMax)
        {
            throw new StorageException($"'{path}' was opened {read.Opened} times, as often as a data directory can be: the numbers of its queues begin with that. "
                + "Let consumers empty its queues, and import its definitions into a new directory.");
        }
        var topology = read.Topology.NumberingQueuesAbove(opened << QueueNumberBits);
        var store = new LocalMetadataStore(file, topology, opened, read.Records, logger, failed);
        if (read.Damages.Count > 0)
        {
            var copy = $"{path}{DamagedSuffix}{time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}";
            File.Copy(path, copy, overwrite: true);
            foreach (var damage in read.Damages) LogDamage(logger, path, damage, copy);
            store._records = file.WriteSuccessor(topology, opened);
            file.Succeed();
        }
        else
        {
            if (file.CutAt(read.Length) is > 0 and var bytes) LogTornEnd(logger, path, bytes);
            var line = new ArrayBufferWriter<byte>();
            DefinitionRecord.OfOpening(opened).WriteTo(line);
            file.Append(line.WrittenMemory);
        }
        store.WasDamaged = Directory.EnumerateFiles(Path.GetDirectoryName(path)!, $"{FileName}{DamagedSuffix}*").Any();
        LogOpened(logger, path, read.Records, opened);
        return store;
    }

    private static StorageException CannotBeUsed(string path, Exception exception) => new(
        $"'{path}' cannot be used: {exception.Message} The user that runs the broker must be able to read and write it, and the file system must not be full or mounted read-only.", exception);

    private void Write()
    {
        var lines = new ArrayBufferWriter<byte>();
        var group = new List<Batch>();
        try
        {
            foreach (var first in _committed.GetConsumingEnumerable())
            {
                group.Add(first);
                while (_committed.TryTake(out var next)) group.Add(next);
                foreach (var batch in group) WriteTo(lines, batch.Results);
                if (lines.WrittenCount > 0) _file.Append(lines.WrittenMemory);
                foreach (var batch in group) batch.Answered(CommitAnswer.Done(++_revision));
                if (_records > _recordsMax) RewriteIfMostlyHistory(group[^1].Results[^1].Topology);
                group.Clear();
                lines.ResetWrittenCount();
            }
        }
#pragma warning disable CA1031 // Whatever ended the writer, the process must learn of it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _failed(exception);
        }
    }

    private void WriteTo(ArrayBufferWriter<byte> lines, IReadOnlyList<TopologyResult> results)
    {
        foreach (var result in results)
        {
            if (!result.Durable) continue;
            var durable = result.Changes.RemoveAll(change => !change.Durable);
            DefinitionRecord.Of(durable).WriteTo(lines);
            _records += durable.Length;
        }
    }

    private void RewriteIfMostlyHistory(TopologySnapshot topology)
    {
        // Counting looks at every definition, so it is done again only when the file has grown by as much.
        var live = topology.AsChanges().Count(change => change.Durable);
        _recordsMax = Math.Max(RecordsKept, 2 * live);
        if (_records <= 2 * live) return;
        try
        {
            _file.WriteSuccessor(topology, _opened);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A disk nearly full has room for a line and none for a second file; the file there is serves on.
            LogNotRewritten(_logger, exception);
            _recordsMax = _records + RecordsKept;
            return;
        }
        _file.Succeed();
        LogRewritten(_logger, _records, live);
        _records = live;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Opened {Path}: {Records} records, opening number {Opened}")]
    private static partial void LogOpened(ILogger logger, string path, int records, long opened);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The last line of {Path} was not written to its end before the broker was stopped; {Bytes} bytes, which were never reported as stored, have been cut off")]
    private static partial void LogTornEnd(ILogger logger, string path, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path}: {Damage}; it was skipped, the file as it was is kept as {Copy}")]
    private static partial void LogDamage(ILogger logger, string path, string damage, string copy);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Rewrote the definitions log: {Before} records became {After}")]
    private static partial void LogRewritten(ILogger logger, int before, int after);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The definitions log could not be written anew; it serves as it is, and that is tried again later")]
    private static partial void LogNotRewritten(ILogger logger, Exception exception);

    private readonly record struct Batch(IReadOnlyList<TopologyResult> Results, Action<CommitAnswer> Answered);
}
