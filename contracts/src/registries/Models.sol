// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {IModels, IRules, ISettlement} from "../interfaces/Modules.sol";
import {Params, Source} from "../Types.sol";
import {Datanets} from "./Datanets.sol";

/// @title Models: base models and adapters. What a model is and what it was made from never changes; its terms and owner may.
contract Models is IModels {
    uint256 public constant MAX_SOURCES = 16;

    enum Status {
        Active,
        Paused,
        Retired
    }

    struct Model {
        address owner;
        uint40 since;
        uint32 base; // 0: this is a base model
        uint32 parent; // the adapter it was trained on from, 0 for none
        uint96 price; // wei for 1,000 tokens
        uint96 allowance; // tokens a day that a payer may use without a deposit
        Status status;
        bytes32 hash; // of the weights
        bytes32 manifest;
        bytes32 index; // root of the attribution index
    }

    ISettlement public immutable settlement;
    IRules public immutable rules;
    Datanets public immutable datanets;
    address public immutable treasury;

    mapping(uint32 id => Model) private _models;
    mapping(uint32 id => Source[]) private _sources;
    mapping(uint32 id => address) public offeredTo;
    mapping(uint32 id => mapping(uint32 host => bool)) public serves;

    constructor(ISettlement settlement_, IRules rules_, Datanets datanets_, address treasury_) {
        settlement = settlement_;
        rules = rules_;
        datanets = datanets_;
        treasury = treasury_;
    }

    modifier onlyOwner(uint32 id) {
        if (_models[id].owner != msg.sender) revert Errors.NotAllowed();
        _;
    }

    // ---- views

    function model(uint32 id) external view returns (Model memory) {
        return _models[id];
    }

    function ownerOf(uint32 id) external view returns (address) {
        return _models[id].owner;
    }

    /// @notice Root of the model's attribution index.
    function indexOf(uint32 id) external view returns (bytes32) {
        return _models[id].index;
    }

    /// @notice What the split of a payment needs: the base (0 for a base model) and the Datanets that the model stands on.
    function lineage(uint32 id) external view returns (uint32 base, Source[] memory sources) {
        return (_models[id].base, _sources[id]);
    }

    // ---- registering

    /// @notice Registers a model for the rules' fee, taken from the caller's prepaid balance.
    /// @param base 0 for a base model, else the base it adapts; @param parent the adapter it continues, over the same base, or 0.
    /// @param sources ascending by Datanet, shares adding up to 10,000, or none.
    function register(
        uint32 base,
        uint32 parent,
        bytes32[3] calldata hashManifestIndex,
        Source[] calldata sources,
        uint96 price,
        uint96 allowance,
        string calldata location
    ) external returns (uint32 id) {
        if (base != 0 && (_models[base].owner == address(0) || _models[base].base != 0)) revert Errors.UnknownModel();
        if (parent != 0 && (base == 0 || _models[parent].base != base)) revert Errors.UnknownModel();
        _fee();
        id = settlement.admitModel();
        _models[id] = Model({
            owner: msg.sender,
            since: uint40(block.timestamp),
            base: base,
            parent: parent,
            price: price,
            allowance: allowance,
            status: Status.Active,
            hash: hashManifestIndex[0],
            manifest: hashManifestIndex[1],
            index: hashManifestIndex[2]
        });
        _source(id, sources);
        emit Events.ModelRegistered(
            id, msg.sender, base, parent, hashManifestIndex[0], hashManifestIndex[1], hashManifestIndex[2], sources
        );
        emit Events.ModelTerms(id, price, allowance, uint8(Status.Active), location);
    }

    // ---- terms and owner

    function setTerms(uint32 id, uint96 price, uint96 allowance, Status status, string calldata location)
        external
        onlyOwner(id)
    {
        (_models[id].price, _models[id].allowance, _models[id].status) = (price, allowance, status);
        emit Events.ModelTerms(id, price, allowance, uint8(status), location);
    }

    /// @notice Names or drops a host. A receipt names the host that served it by its contributor id.
    function setHost(uint32 id, uint32 host, bool does, string calldata location) external onlyOwner(id) {
        if (host == 0 || settlement.personOwner(host) == address(0)) revert Errors.UnknownContributor();
        serves[id][host] = does;
        emit Events.ModelHost(id, host, does, location);
    }

    function offer(uint32 id, address to) external onlyOwner(id) {
        offeredTo[id] = to;
        emit Events.ModelOffered(id, to);
    }

    function accept(uint32 id) external {
        if (offeredTo[id] != msg.sender) revert Errors.NotAllowed();
        delete offeredTo[id];
        _models[id].owner = msg.sender;
        emit Events.ModelMoved(id, msg.sender);
    }

    // ---- inside

    function _fee() private {
        Params memory p = rules.version(settlement.rulesInForce());
        if (p.modelFee != 0) settlement.move(msg.sender, treasury, p.modelFee);
    }

    function _source(uint32 id, Source[] calldata sources) private {
        if (sources.length > MAX_SOURCES) revert Errors.MalformedSources();
        uint256 total;
        uint32 previous;
        for (uint256 i; i < sources.length; ++i) {
            Source calldata s = sources[i];
            if (s.datanet <= previous || s.share == 0) revert Errors.MalformedSources();
            if (s.version == 0 || s.version > datanets.datanet(s.datanet).versions) revert Errors.UnknownDatanet();
            previous = s.datanet;
            total += s.share;
            _sources[id].push(s);
        }
        if (sources.length != 0 && total != 10_000) revert Errors.MalformedSources();
    }
}
