// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {Keys} from "../libraries/Keys.sol";
import {IIncome, IRules, ISettlement} from "../interfaces/Modules.sol";
import {Params} from "../Types.sol";

/// @title Datanets: versions of data by their roots, and static units by which part of every payment is shared.
/// @notice Units only grow, so a curator can add a contributor but never take one's part away.
contract Datanets is IIncome {
    /// @dev Wei are kept times 2^64, so that no fraction is ever lost: it waits with its holder.
    uint256 private constant SCALE = 1 << 64;

    struct Datanet {
        address curator;
        uint40 since;
        uint32 versions;
        uint64 units; // of all contributors
        uint256 perUnit; // scaled wei that one unit has earned since the beginning
        uint256 rest; // scaled wei that do not divide by the units yet
    }

    struct Version {
        bytes32 root; // over the contributions
        uint64 rows;
        uint40 time;
    }

    struct Holding {
        uint64 units;
        uint40 since; // first units, 0 for none
        uint256 perUnit; // up to where `owed` is reckoned
        uint256 owed; // scaled wei
    }

    ISettlement public immutable settlement;
    IRules public immutable rules;
    address public immutable treasury;

    uint32 public count;
    mapping(uint32 id => Datanet) private _datanets;
    mapping(uint32 id => mapping(uint32 version => Version)) private _versions;
    mapping(uint32 id => mapping(uint32 contributor => Holding)) private _holdings;
    mapping(uint32 id => address) public offeredTo;

    constructor(ISettlement settlement_, IRules rules_, address treasury_) {
        settlement = settlement_;
        rules = rules_;
        treasury = treasury_;
    }

    modifier onlyCurator(uint32 id) {
        if (_datanets[id].curator != msg.sender) revert Errors.NotAllowed();
        _;
    }

    // ---- views

    function datanet(uint32 id) external view returns (Datanet memory) {
        return _datanets[id];
    }

    function versionOf(uint32 id, uint32 version) external view returns (Version memory) {
        return _versions[id][version];
    }

    function holding(uint32 id, uint32 contributor) external view returns (Holding memory) {
        return _holdings[id][contributor];
    }

    /// @notice What `contributor` can collect now, in wei.
    function collectable(uint32 id, uint32 contributor) external view returns (uint256) {
        Holding memory h = _holdings[id][contributor];
        return (h.owed + h.units * (_datanets[id].perUnit - h.perUnit)) / SCALE;
    }

    // ---- curating

    /// @notice Opens a Datanet for the rules' fee, taken from the caller's prepaid balance.
    function create(string calldata name) external returns (uint32 id) {
        Params memory p = rules.version(settlement.rulesInForce());
        if (p.datanetFee != 0) settlement.move(msg.sender, treasury, p.datanetFee);
        id = ++count;
        if (id > Keys.ID_MASK) revert Errors.OutOfBounds("datanets");
        (_datanets[id].curator, _datanets[id].since) = (msg.sender, uint40(block.timestamp));
        emit Events.DatanetCreated(id, msg.sender, name);
    }

    /// @notice Publishes the next version: its Merkle root, its number of rows and where the data lies.
    function publish(uint32 id, bytes32 root, uint64 rows, string calldata location)
        external
        onlyCurator(id)
        returns (uint32 version)
    {
        version = ++_datanets[id].versions;
        _versions[id][version] = Version(root, rows, uint40(block.timestamp));
        emit Events.DatanetPublished(id, version, root, rows, location);
    }

    /// @notice Raises static units: contributor i comes to hold units[i].
    function grant(uint32 id, uint32[] calldata contributors, uint64[] calldata units) external onlyCurator(id) {
        if (contributors.length != units.length) revert Errors.LengthMismatch();
        uint32 people = settlement.people();
        Datanet storage d = _datanets[id];
        for (uint256 i; i < contributors.length; ++i) {
            uint32 who = contributors[i];
            if (who == 0 || who > people) revert Errors.UnknownContributor();
            Holding storage h = _reckon(d, id, who);
            if (units[i] <= h.units) revert Errors.UnitsOnlyGrow();
            d.units += units[i] - h.units;
            h.units = units[i];
            if (h.since == 0) h.since = uint40(block.timestamp);
            emit Events.UnitsGranted(id, who, units[i], d.units);
        }
        // What came in while nobody held units.
        if (d.rest >= d.units && d.units != 0) _spread(d, 0);
    }

    function offer(uint32 id, address to) external onlyCurator(id) {
        offeredTo[id] = to;
        emit Events.CuratorOffered(id, to);
    }

    function accept(uint32 id) external {
        if (offeredTo[id] != msg.sender) revert Errors.NotAllowed();
        delete offeredTo[id];
        _datanets[id].curator = msg.sender;
        emit Events.CuratorMoved(id, msg.sender);
    }

    // ---- income

    function onIncome(uint32 key, uint256 amount) external {
        if (msg.sender != address(settlement)) revert Errors.NotAllowed();
        uint32 id = Keys.id(key);
        _spread(_datanets[id], amount);
        emit Events.DatanetIncome(id, amount);
    }

    /// @notice Credits a contributor's part to the prepaid balance of the contributor's owner. Anyone may call it.
    function collect(uint32 id, uint32 contributor) external returns (uint256 amount) {
        Holding storage h = _reckon(_datanets[id], id, contributor);
        amount = h.owed / SCALE;
        if (amount == 0) return 0;
        h.owed -= amount * SCALE;
        emit Events.DatanetCollected(id, contributor, amount);
        settlement.move(address(this), settlement.personOwner(contributor), amount);
    }

    // ---- inside

    function _spread(Datanet storage d, uint256 amount) private {
        uint256 scaled = amount * SCALE + d.rest;
        if (d.units == 0) {
            d.rest = scaled;
        } else {
            d.perUnit += scaled / d.units;
            d.rest = scaled % d.units;
        }
    }

    function _reckon(Datanet storage d, uint32 id, uint32 contributor) private returns (Holding storage h) {
        h = _holdings[id][contributor];
        h.owed += h.units * (d.perUnit - h.perUnit);
        h.perUnit = d.perUnit;
    }
}
