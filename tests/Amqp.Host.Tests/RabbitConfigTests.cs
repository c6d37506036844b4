using Amqp.Host.Options;
using Amqp.Host.RabbitConfig;
using Amqp.Testing;
using Microsoft.Extensions.Configuration;
using RabbitMQ.Client;

namespace Amqp.Host.Tests;

/// <summary>RabbitMQ's configuration files and variables, read in place of our own options.</summary>
[NonParallelizable] // Environment variables are the process's.
internal sealed class RabbitConfigTests : BrokerFixture
{
    private readonly List<string> _variables = [];
    private string _directory = "";
    private string[] _told = [];

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("rabbit").FullName;

    [TearDown]
    public void DeleteDirectory()
    {
        Directory.Delete(_directory, recursive: true);
        foreach (var variable in _variables) Environment.SetEnvironmentVariable(variable, null);
        _variables.Clear();
    }

    [Test]
    public void Keys_are_options_of_ours()
    {
        var (options, notes) = Read("""
            # A comment, and an empty line

            listeners.tcp.1 = 127.0.0.1:5680   # not the default
            listeners.tcp.2 = ::1:5680
            listeners.ssl.default = 5681
            ssl_options.cacertfile = /etc/ca.pem
            ssl_options.certfile   = /etc/cert.pem
            ssl_options.keyfile    = /etc/key.pem
            ssl_options.verify = verify_peer
            ssl_options.fail_if_no_peer_cert = true
            ssl_cert_login_from = common_name
            management.tcp.port = 15680
            management.tcp.ip = 0.0.0.0
            prometheus.tcp.port = 9419
            default_user = admin
            default_pass = 'with # and = in it'
            default_vhost = /apps
            loopback_users.guest = false
            loopback_users.local = true
            auth_mechanisms.1 = PLAIN
            auth_mechanisms.2 = EXTERNAL
            heartbeat = 30
            frame_max = 0
            channel_max = 128
            max_message_size = 1000000
            consumer_timeout = 900000
            connection_max = infinity
            handshake_timeout = 20000
            vm_memory_high_watermark.relative = 0.6
            vm_memory_high_watermark_paging_ratio = 0.75
            disk_free_limit.absolute = 2GB
            load_definitions = /etc/definitions.json
            cluster_name = production
            cluster_partition_handling = pause_minority
            queue_master_locator = min-masters
            log.console.level = warning
            """);
        Assert.That(notes, Is.Empty);
        Assert.That((options.Listeners.Amqp.Address, options.Listeners.Amqp.Port), Is.EqualTo(("127.0.0.1,::1", 5680)));
        var tls = options.Listeners.Amqps;
        Assert.That((tls.Address, tls.Port, tls.ClientCaFile, tls.RequireClientCertificate, tls.ClientNameFrom), Is.EqualTo(("::", 5681, "/etc/ca.pem", true, ClientName.CommonName)));
        Assert.That(tls.Certificates, Is.EqualTo((CertificateOptions[])[new() { File = "/etc/cert.pem", KeyFile = "/etc/key.pem" }]));
        Assert.That((options.Listeners.Management.Address, options.Listeners.Management.Port), Is.EqualTo(("0.0.0.0", 15_680)));
        Assert.That((options.Listeners.Prometheus.Address, options.Listeners.Prometheus.Port), Is.EqualTo(("::", 9419)));
        Assert.That(options.Security, Is.EqualTo(new SecurityOptions
        {
            DefaultUser = "admin", DefaultPassword = "with # and = in it", DefaultVhost = "/apps", LoopbackUsers = "local", Mechanisms = "PLAIN,EXTERNAL",
        }));
        var limits = options.Limits;
        Assert.That(
            (limits.HeartbeatSeconds, limits.FrameBytes, limits.ChannelsPerConnection, limits.MessageBytes, limits.DeliveryTimeoutMs, limits.Connections, limits.HandshakeMs),
            Is.EqualTo((30, 16_777_216, 128, 1_000_000, 900_000, 0, 20_000)));
        Assert.That((limits.MemoryShare, limits.PageOutShare, limits.DiskFreeBytes), Is.EqualTo((0.6, 0.75, 2_000_000_000)));
        Assert.That((options.Definitions.File, options.Node.ClusterName), Is.EqualTo(("/etc/definitions.json", "production")));
        Assert.That((options.Cluster.PartitionHandling, options.Cluster.QueueLeaderLocator, options.Cluster.Mode), Is.EqualTo(("pause_minority", "min-masters", "none")));
    }

    [TestCase("mqtt.listeners.tcp.1 = 1883", "there is nothing here that it could change")]
    [TestCase("no_such_key = 1", "there is nothing here that it could change")]
    [TestCase("heartbeat = often", "'often' is not possible, it would be a whole number; it changes nothing")]
    [TestCase("disk_free_limit.absolute = 2 apples", "'2 apples' is not possible, it would be a number of bytes, such as 2GB; it changes nothing")]
    [TestCase("listeners.tcp.default = somewhere:5672", "'somewhere:5672' is neither a port nor an IP address and a port; it changes nothing")]
    [TestCase("auth_mechanisms.1 = RABBIT-CR-DEMO", "there is no SASL mechanism RABBIT-CR-DEMO; there are AMQPLAIN, EXTERNAL, PLAIN")]
    [TestCase("auth_backends.1 = ldap", "users are the broker's own only; others cannot log in")]
    [TestCase("log.file = rabbit.log", "the log goes to standard output only")]
    [TestCase("queue_master_locator = my-own", "'my-own' is not possible, it would be client-local or min-masters or balanced or random; it changes nothing")]
    [TestCase("heartbeat = 999999", "it changes nothing: Failed to convert configuration value '999999' at 'Limits:HeartbeatSeconds' to type 'System.UInt16'. 999999 is not a valid value for UInt16. (Parameter 'value')")]
    [TestCase("proxy_protocol = yes", "it changes nothing: Failed to convert configuration value 'yes' at 'Listeners:Amqp:ProxyProtocol' to type 'System.Boolean'. yes is not a valid value for Boolean.")]
    [TestCase("cluster_partition_handling = pray", "it changes nothing: Option 'Cluster:PartitionHandling' is 'pray', which is not possible: it has to be ignore or pause_minority or pause_if_all_down or autoheal.")]
    [TestCase("frame_max = 1", "it changes nothing: Option 'Limits:FrameBytes' is '1', which is not possible: it has to be a number from 4096 to 16777216.")]
    public void What_cannot_be_taken_is_told_with_its_line_and_stops_nothing(string line, string problem)
    {
        var (_, notes) = Read(line);
        Assert.That(notes, Is.EqualTo((string[])[$"{_directory}/rabbitmq.conf, line 1: {line[..line.IndexOf(' ', StringComparison.Ordinal)]}: {problem}"]));
    }

    [Test]
    public void A_line_that_is_no_setting_is_told_of()
    {
        var (options, notes) = Read("[{rabbit, [{heartbeat, 1}]}].\nheartbeat = 7\nkey = encrypted:abc");
        Assert.That(options.Limits.HeartbeatSeconds, Is.EqualTo(7));
        Assert.That(notes, Is.EqualTo((string[])
        [
            $"{_directory}/rabbitmq.conf, line 1: '[{{rabbit, [{{heartbea...' is no setting, which would be 'key = value'",
            $"{_directory}/rabbitmq.conf, line 3: key is encrypted, and only RabbitMQ can decrypt it, so it changes nothing",
        ]));
    }

    [Test]
    public void What_only_tunes_RabbitMQ_is_told_with_its_line_too()
    {
        Read("heartbeat = 7\ntcp_listen_options.backlog = 128");
        Assert.That(_told, Is.EqualTo((string[])[$"{_directory}/rabbitmq.conf, line 2: tcp_listen_options.backlog changes nothing here, and nothing is lost without it"]));
    }

    // As Kolla, RabbitMQ's cluster operator and Bitnami's chart write them.
    [TestCase("listeners.tcp.1 = 10.0.0.1:5672\ncluster_partition_handling = pause_minority\nmanagement.listener.ip = 10.0.0.1\nmanagement.listener.port = 15672\n"
        + "management.load_definitions = /etc/rabbitmq/definitions.json\ncluster_formation.classic_config.nodes.1 = rabbit@one\nprometheus.tcp.port = 15692")]
    [TestCase("queue_master_locator = min-masters\ndisk_free_limit.absolute = 2GB\ncluster_partition_handling = pause_minority\ncluster_formation.peer_discovery_backend = classic_config\n"
        + "cluster_formation.target_cluster_size_hint = 1\ncluster_name = mine\nlog.console = true\nauth_mechanisms.1 = PLAIN\ndefault_user = a\ndefault_pass = b")]
    [TestCase("loopback_users.guest = false\nvm_memory_high_watermark.relative = 0.4\ntcp_listen_options.backlog = 128\nmirroring_sync_batch_size = 4096\ncollect_statistics_interval = 5000")]
    public void Files_of_others_are_read_without_a_warning(string file) => Assert.That(Read(file).Notes, Is.Empty);

    [Test]
    public void Files_beside_it_come_after_it_in_their_order()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "conf.d"));
        File.WriteAllText(Path.Combine(_directory, "conf.d", "20-second.conf"), "heartbeat = 3");
        File.WriteAllText(Path.Combine(_directory, "conf.d", "10-first.conf"), "heartbeat = 2\ndefault_user = first");
        var (options, _) = Read("heartbeat = 1\ndefault_user = main");
        Assert.That((options.Limits.HeartbeatSeconds, options.Security.DefaultUser), Is.EqualTo((3, "first")));
    }

    [Test]
    public void No_listener_but_that_of_TLS()
    {
        var (options, _) = Read("listeners.tcp = none\nlisteners.ssl.1 = 5671\nssl_options.certfile = c\nssl_options.keyfile = k\nmanagement.ssl.port = 15671\nmanagement.ssl.certfile = c\nmanagement.ssl.keyfile = k");
        Assert.That((options.Listeners.Amqp.Enabled, options.Listeners.Amqps.Port), Is.EqualTo((false, 5671)));
        Assert.That((options.Listeners.Management.Port, options.Listeners.Management.Tls.Certificates.Single().File), Is.EqualTo((15_671, "c")));
    }

    [Test]
    public void Nodes_with_a_cookie_are_a_cluster()
    {
        const string Nodes = "cluster_formation.classic_config.nodes.1 = rabbit@one\ncluster_formation.classic_config.nodes.2 = rabbit@two";
        Assert.That(Read(Nodes).Notes, Has.One.StartsWith("cluster_formation.classic_config.nodes: these nodes form a cluster only with a secret of 16 characters or more"));
        Set("RABBITMQ_ERLANG_COOKIE", "ABCDEFGHIJKLMNOPQRST");
        var cluster = Read(Nodes).Options.Cluster;
        Assert.That((cluster.Mode, cluster.Secret, string.Join(' ', cluster.Bootstrap)), Is.EqualTo(("etcd-managed", "ABCDEFGHIJKLMNOPQRST", "rabbit@one rabbit@two")));
    }

    [Test]
    public void Variables_override_the_files_and_nothing_else()
    {
        Set("RABBITMQ_DEFAULT_USER", "rabbit");
        Set("RABBITMQ_DEFAULT_PASS", "secret");
        Set("RABBITMQ_DEFAULT_VHOST", "");
        Set("RABBITMQ_NODENAME", "rabbit@named");
        Set("RABBITMQ_NODE_PORT", "5690");
        Set("RABBITMQ_VM_MEMORY_HIGH_WATERMARK", "0.3");
        var (options, notes) = Read("default_user = filed\ndefault_vhost = filed\nlisteners.tcp.default = 5672", "--Security:DefaultPassword=told");
        Assert.That(notes, Is.Empty);
        Assert.That(options.Security, Is.EqualTo(new SecurityOptions { DefaultUser = "rabbit", DefaultPassword = "told", DefaultVhost = "filed" }));
        Assert.That((options.Node.Name, options.Listeners.Amqp.Port, options.Limits.MemoryShare), Is.EqualTo(("rabbit@named", 5690, 0.3)));
    }

    [Test]
    public void The_file_may_be_named_by_a_variable_without_its_ending()
    {
        File.WriteAllText(Path.Combine(_directory, "rabbitmq.conf"), "heartbeat = 9");
        Set("RABBITMQ_CONFIG_FILE", Path.Combine(_directory, "rabbitmq"));
        var configuration = NewConfiguration();
        RabbitConfiguration.AddTo(configuration);
        Assert.That(OptionsReader.Read(configuration).Limits.HeartbeatSeconds, Is.EqualTo(9));
        Set("RABBITMQ_CONFIG_FILE", Path.Combine(_directory, "nothing"));
        Assert.That(RabbitConfiguration.AddTo(NewConfiguration()).Notes.Single().Text, Is.EqualTo($"RABBITMQ_CONFIG_FILE names {_directory}/nothing, and there is no such file"));
        Assert.That(() => RabbitConfiguration.AddTo(NewConfiguration("--RabbitMQ:ConfigFile=/no/such.conf")), Throws.TypeOf<OptionsException>().With.Message.StartsWith("There is no file '/no/such.conf'"));
    }

    [Test]
    public void Ports_of_plugins_that_are_not_enabled_stay_closed()
    {
        var file = Path.Combine(_directory, "enabled_plugins");
        File.WriteAllText(file, "[rabbitmq_management,'rabbitmq_mqtt', rabbitmq_consistent_hash_exchange].\n");
        var configuration = NewConfiguration($"--RabbitMQ:EnabledPluginsFile={file}");
        var notes = RabbitConfiguration.AddTo(configuration).Notes;
        var listeners = OptionsReader.Read(configuration).Listeners;
        Assert.That((listeners.Management.Enabled, listeners.Prometheus.Enabled), Is.EqualTo((true, false)));
        Assert.That(notes.Select(note => note.Text), Is.EqualTo((string[])[$"{file}: there is no plugin rabbitmq_mqtt here, and nothing that does what it does"]));
    }

    [Test]
    public async Task A_broker_starts_with_them()
    {
        var conf = Path.Combine(_directory, "rabbitmq.conf");
        await File.WriteAllTextAsync(conf, "heartbeat = 17\nmqtt.allow_anonymous = false\ncluster_name = moved");
        await using var broker = await TestBroker.Start();
        await broker.Stop();
        ExpectLog("rabbitmq.conf, line 2: mqtt.allow_anonymous: there is nothing here that it could change", broker);
        broker.Give($"--RabbitMQ:ConfigFile={conf}");
        await broker.Restart();
        var factory = new ConnectionFactory { HostName = "127.0.0.1", Port = broker.Port, RequestedHeartbeat = TimeSpan.FromSeconds(60) };
        await using var connection = await factory.CreateConnectionAsync();
        Assert.That(connection.Heartbeat, Is.EqualTo(TimeSpan.FromSeconds(17)));
        Assert.That(connection.ServerProperties!["cluster_name"], Is.EqualTo("moved"u8.ToArray()));
        Assert.That((await new ControlApi(broker).List("nodes")).Single()["config_files"]!.AsArray().Select(file => file!.GetValue<string>()), Does.Contain(conf));
    }

    private static ConfigurationManager NewConfiguration(params string[] arguments)
    {
        var configuration = new ConfigurationManager();
        configuration.AddEnvironmentVariables().AddCommandLine(arguments);
        return configuration;
    }

    private (BrokerOptions Options, string[] Notes) Read(string conf, params string[] arguments)
    {
        var file = Path.Combine(_directory, "rabbitmq.conf");
        File.WriteAllText(file, conf);
        var configuration = NewConfiguration([$"--RabbitMQ:ConfigFile={file}", .. arguments]);
        var notes = RabbitConfiguration.AddTo(configuration).Notes;
        _told = [.. notes.Where(note => !note.IsWarning).Select(note => note.Text)];
        return (OptionsReader.Read(configuration), [.. notes.Where(note => note.IsWarning).Select(note => note.Text)]);
    }

    private void Set(string variable, string value)
    {
        _variables.Add(variable);
        Environment.SetEnvironmentVariable(variable, value);
    }
}
