using System.Globalization;
using Amqp.Core.Topology;
using Amqp.Storage.Files;
using Amqp.Storage.Journal;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Metadata;
using Amqp.Storage.Segments;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Storage.Inspection;

/// <summary>Looks at a data directory that no broker uses, and changes nothing in it.</summary>
public sealed class StoreInspection : IDisposable
{
    private readonly DataDirectory _directory;
    private readonly bool _isOwner;
    private readonly DefinitionsReader? _definitions;
    private readonly Dictionary<QueueId, (string VirtualHost, string Name)> _names = [];
    private readonly List<DamagedPlace> _damagedFiles = [];
    private readonly JournalEngine _engine;
    private readonly string _segmentsName;
    private readonly List<DamagedPlace> _cut = [];
    private readonly StoreState _state = new();

    private StoreInspection(DataDirectory directory, StoreEngine engine, bool isOwner)
    {
        _directory = directory;
        _isOwner = isOwner;
        _segmentsName = engine.DirectoryName;
        if (File.Exists(DefinitionsPath)) _definitions = DefinitionsReader.Read(DefinitionsPath);
        foreach (var vhost in Topology.VirtualHosts.Values)
            foreach (var queue in vhost.AllQueues) _names.Add(queue.Id, (vhost.Name, queue.Name));
        var files = new ReadOnlyFiles();
        _engine = engine.Open(new SegmentDirectory(files, MessagesPath, Opening: 0, FoundFile) { Cut = FoundCut });
        new Recovery(_engine, _state, new Damages(files, MessagesPath, NullLogger.Instance), seals: false).Run();
    }

    /// <summary>Opens a directory for looking at it. No broker can open it meanwhile.</summary>
    /// <param name="engines">Those that this program has.</param>
    /// <exception cref="StorageException">It is no data directory, belongs to a newer version or to an engine that this program does not
    /// have, or a broker uses it, or it cannot be read.</exception>
    public static StoreInspection Open(string path, IReadOnlyList<StoreEngine> engines)
    {
        var directory = DataDirectory.OpenExisting(path);
        try
        {
            return new StoreInspection(directory, EngineChoice.Of(directory.Engine, directory.FullPath, engines), isOwner: true);
        }
        catch (Exception exception)
        {
            directory.Dispose();
            if (exception is IOException or UnauthorizedAccessException)
                throw new StorageException($"'{directory.FullPath}' cannot be read: {exception.Message}", exception);
            throw;
        }
    }

    /// <summary>Looks at the segments of one engine in a directory that is open.</summary>
    internal static StoreInspection Of(DataDirectory directory, StoreEngine engine) => new(directory, engine, isOwner: false);

    /// <summary>What is in it.</summary>
    public StoreReport Report()
    {
        var unknown = _state.Queues.Values.Where(queue => queue.Count > 0 && !_names.ContainsKey(queue.Id)).ToList();
        return new StoreReport
        {
            Directory = _directory.FullPath,
            Version = DataDirectory.FormatVersion,
            Engine = _directory.Engine,
            Openings = _definitions?.Opened ?? 0,
            Exchanges = Topology.AsChanges().Count(change => change is ExchangeAdded),
            Bindings = Topology.AsChanges().Count(change => change is BindingAdded),
            Segments = _state.Segments.Count,
            SegmentBytes = _state.Segments.Capacity,
            NeededBytes = _state.Segments.LiveBytes,
            SharedBodies = _state.Bodies.Slots.Count(),
            SetAside = Directory.EnumerateFiles(_directory.FullPath, "*.damaged*", SearchOption.AllDirectories).Count(),
            UnknownQueues = unknown.Count,
            UnknownMessages = unknown.Sum(queue => (long)queue.Count),
            Queues =
            [
                .. _names.Select(name => Contents(name.Value, name.Key))
                    .OrderBy(queue => queue.VirtualHost, StringComparer.Ordinal).ThenBy(queue => queue.Name, StringComparer.Ordinal),
            ],
        };
    }

    /// <summary>Reads every byte that means something, and checks it.</summary>
    /// <param name="progress">Told how many of how many segments have been read.</param>
    public StoreVerdict Verify(Action<int, int> progress)
    {
        var verification = new Verification(_engine, _state, NameOf, _segmentsName);
        var segments = _engine.Segments;
        for (var index = 0; index < segments.Count; index++)
        {
            verification.ReadSegment(segments[index].Id);
            progress(index + 1, segments.Count);
        }
        verification.ReadMessages();
        var definitions = _definitions?.Damages.Select(damage => new DamagedPlace(LocalMetadataStore.FileName, -1, 0, damage, [])) ?? [];
        return new StoreVerdict
        {
            Records = verification.Records,
            Messages = verification.Messages,
            Definitions = _definitions?.Records ?? 0,
            Damages = [.. definitions, .. _damagedFiles, .. verification.Damages],
            TornEnds = [.. TornDefinitions(), .. _cut, .. verification.TornEnds],
        };
    }

    public void Dispose()
    {
        _engine.Dispose();
        if (_isOwner) _directory.Dispose();
    }

    private TopologySnapshot Topology => _definitions?.Topology ?? TopologySnapshot.Initial;

    private string DefinitionsPath => Path.Combine(_directory.FullPath, LocalMetadataStore.FileName);

    private string MessagesPath => Path.Combine(_directory.FullPath, _segmentsName);

    private StoredQueue Contents((string VirtualHost, string Name) name, QueueId id)
    {
        if (!_state.Queues.TryGetValue(id, out var queue)) return new StoredQueue(name.VirtualHost, name.Name, 0, 0);
        var bytes = queue.All().Sum(message => (long)(message.Location.IsShared ? _state.Bodies[message.Location.BodySlot].Length : message.Location.Length));
        return new StoredQueue(name.VirtualHost, name.Name, queue.Count, bytes);
    }

    private string NameOf(QueueId id) => _names.TryGetValue(id, out var name)
        ? $"{name.Name} in {name.VirtualHost}"
        : $"queue number {id.Value.ToString(CultureInfo.InvariantCulture)}";

    private void FoundFile(string path, bool isUsable) => _damagedFiles.Add(new DamagedPlace(
        $"{_segmentsName}/{Path.GetFileName(path)}", -1, 0, isUsable ? "how it is laid out; its messages are served" : "how it is laid out; none of its messages can be read", []));

    private void FoundCut(SegmentId segment, long offset, long length) =>
        _cut.Add(new DamagedPlace($"{_segmentsName}/{segment}.seg", offset, length, "the end", []));

    private IEnumerable<DamagedPlace> TornDefinitions()
    {
        if (_definitions is null) yield break;
        var length = new FileInfo(DefinitionsPath).Length;
        if (length > _definitions.Length)
            yield return new DamagedPlace(LocalMetadataStore.FileName, _definitions.Length, length - _definitions.Length, "the last line", []);
    }
}
