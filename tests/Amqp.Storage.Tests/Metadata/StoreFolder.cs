using Amqp.Core.Tests.Topology;
using Amqp.Core.Topology;
using Amqp.Storage.Metadata;
using Amqp.Testing;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Tests.Metadata;

/// <summary>A data directory of a test, and the store that has it open.</summary>
internal sealed class StoreFolder : IDisposable
{
    private DataDirectory? _directory;
    private LocalMetadataStore? _store;

    public StoreFolder()
    {
        Path = Directory.CreateTempSubdirectory("amqp-definitions-").FullName;
    }

    public string Path { get; }

    public string Log => System.IO.Path.Combine(Path, LocalMetadataStore.FileName);

    public TopologySnapshot Topology { get; private set; } = TopologySnapshot.Initial;

    public RecordingLogger<LocalMetadataStore> Logger { get; private set; } = new();

    public Exception? Failure { get; private set; }

    public LocalMetadataStore Store => _store!;

    public StoreFolder Open()
    {
        Logger = new();
        _directory = DataDirectory.Open(Path, "test");
        _store = LocalMetadataStore.Open(_directory, TimeProvider.System, Logger, exception => Failure = exception);
        Topology = _store.Load().Topology;
        return this;
    }

    public void Close()
    {
        _store?.Dispose();
        _directory?.Dispose();
        (_store, _directory) = (null, null);
    }

    public StoreFolder Reopen()
    {
        Close();
        return Open();
    }

    /// <summary>Applies a command and waits until it is durable.</summary>
    public TopologyResult Apply(TopologyCommand command)
    {
        var result = TopologyReducer.Apply(Topology, command);
        Topology = result.Topology;
        if (result.Durable) Commit([result]);
        return result;
    }

    public void Commit(IReadOnlyList<TopologyResult> batch)
    {
        using var committed = new ManualResetEventSlim();
        Store.Commit(basis: 0, batch, _ => committed.Set());
        Assert.That(committed.Wait(Patience.Answer), Is.True, "the commit was not answered");
    }

    public string Durable() => TopologyText.OfDurable(Topology);

    public string[] Lines() => File.ReadAllLines(Log);

    public void Dispose()
    {
        Close();
        Directory.Delete(Path, recursive: true);
    }
}
