using Amqp.Core.Ports;
using Amqp.Core.Tests.Ports;

namespace Amqp.Storage.Tests.Metadata;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LocalMetadataStoreConformance : MetadataStoreConformance, IDisposable
{
    private readonly StoreFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    protected override Task<IMetadataStore> Start() => Task.FromResult<IMetadataStore>(_folder.Reopen().Store);
}
